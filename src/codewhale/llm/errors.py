"""What a provider's refusal means: HTTP status, headers and body to one `ProviderError` with a hint.

Excerpts of what the provider said are cleaned, bounded, and never hold the key.
"""

import math
import time

import msgspec
from msgspec import Raw, Struct

from codewhale.domain.errors import ProviderCategory, ProviderError
from codewhale.llm.transport.port import Headers, header

MAX_ERROR_BODY = 64 * 1024
EXCERPT = 300
MAX_RETRY_AFTER = 24 * 3600.0
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_CONTEXT = ("context_length", "context length", "context window", "too long", "maximum context", "too many tokens")
_POLICY = ("content_policy", "content policy", "content_filter", "content exists risk", "moderation", "safety system")
_QUOTA = ("insufficient_quota", "insufficient balance", "billing", "exceeded your current quota", "credit")
_RATE = ("rate limit", "rate_limit", "quota", "too many requests", "throttl")


class Endpoint(Struct, frozen=True, kw_only=True):
    """Who refused: what messages and hints name. `secret` is cut out of every excerpt."""

    provider: str
    url: str
    model: str
    key_env: tuple[str, ...] = ()
    secret: str | None = None


class Complaint(Struct, frozen=True, kw_only=True):
    """What a JSON error body says, as far as it says it."""

    message: str = ""
    code: str = ""


def from_response(status: int, headers: Headers, body: bytes, endpoint: Endpoint) -> ProviderError:
    """The error behind a response that is not a success."""
    complaint = read_complaint(body)
    excerpt = clean(complaint.message, endpoint.secret)
    category = _category(status, complaint)
    said = f": {excerpt}" if excerpt else ""
    return ProviderError(
        f"{endpoint.provider} answered HTTP {status}{said}",
        category=category,
        status=status,
        retry_after=_retry_after(headers),
        hint=_hint(category, status, endpoint),
    )


def from_event(error: bytes, endpoint: Endpoint) -> ProviderError:
    """The error behind an error object that came with status 200, alone or in the stream."""
    complaint = read_complaint(error)
    status = int(complaint.code) if complaint.code.isdecimal() and len(complaint.code) == 3 else None
    category = _category(status or 0, complaint)
    excerpt = clean(complaint.message, endpoint.secret)
    return ProviderError(
        f"{endpoint.provider} reported an error: {excerpt}",
        category=category,
        status=status,
        hint=_hint(category, status or 0, endpoint),
    )


def not_a_model(status: int, content_type: str, body: bytes, endpoint: Endpoint) -> ProviderError:
    """A success whose body is no answer of a model (a login page, a proxy's notice)."""
    kind = clean(content_type, None) or "no content type"
    return ProviderError(
        f"{endpoint.url} did not answer like a model API ({kind}): {clean(_text(body), endpoint.secret, 120)}",
        category="protocol",
        status=status,
        hint="Check base_url: it usually ends in /v1. A proxy or login page may be in between.",
    )


def not_valid(payload: bytes, error: Exception, endpoint: Endpoint) -> ProviderError:
    """An event that is no JSON, no UTF-8, or of the wrong shape."""
    excerpt = clean(payload[:1000].decode("utf-8", "replace"), endpoint.secret, 120)
    return ProviderError(
        f"{endpoint.provider} sent an event that is not valid ({error}): {excerpt}",
        category="protocol",
        hint=f"Check base_url ({endpoint.url}); a gateway in between may damage the stream.",
    )


def broken_off(endpoint: Endpoint, *, calls: int) -> ProviderError:
    """A stream that ended before the model had finished."""
    when = "in the middle of a tool call; it was not run" if calls else "before the answer was complete"
    return ProviderError(
        f"{endpoint.provider} ended the stream {when}.",
        category="network",
        hint="The connection or a gateway broke off; try again.",
    )


def read_complaint(body: bytes) -> Complaint:
    """The message and code of the error shapes in use: `{"error": {...}}`, `{"error": "…"}`, `{"message": "…"}`, a
    list of one of these, or any text."""
    try:
        return _read(body)
    except (ValueError, RecursionError):
        return Complaint(message=_text(body))


def clean(text: str, secret: str | None, limit: int = EXCERPT) -> str:
    """One line of printable characters, at most `limit` of them, without `secret`."""
    text = text[: limit * 20]
    if secret:
        text = text.replace(secret, "***")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class _Body(Struct):
    error: Raw = Raw()
    message: Raw = Raw()
    msg: Raw = Raw()
    detail: Raw = Raw()
    code: Raw = Raw()
    type: Raw = Raw()


def _read(body: bytes) -> Complaint:
    value: _Body | list[_Body] | str = msgspec.json.decode(body, type=_Body | list[_Body] | str)
    if isinstance(value, list):
        value = value[0] if value else _Body()
    if isinstance(value, str):
        return Complaint(message=value)
    inner: _Body | str | None = value
    if bytes(value.error):
        inner = msgspec.json.decode(value.error, type=_Body | str | None)
    if isinstance(inner, str):
        return Complaint(message=inner, code=_scalar(value.code))
    if inner is None:
        inner = value
    message = next((t for t in map(_scalar, (inner.message, inner.msg, inner.detail)) if t), "") or _text(body)
    return Complaint(message=message, code=_scalar(inner.code) or _scalar(inner.type))


def _scalar(raw: Raw) -> str:
    text = _text(bytes(raw))
    if text.startswith('"'):
        return msgspec.json.decode(raw, type=str)
    return "" if text == "null" else text


def _text(body: bytes) -> str:
    return body[:MAX_ERROR_BODY].decode("utf-8", "replace").strip()


def _category(status: int, complaint: Complaint) -> ProviderCategory:
    words = f"{complaint.code} {complaint.message}".lower()
    if status in (400, 413, 422, 0, 200):
        if complaint.code in _BY_CODE:
            return _BY_CODE[complaint.code]
        return _by_words(words, "server" if status in (0, 200) else "invalid_request")
    if status == 429:
        return "quota" if _says(words, _QUOTA) else "rate_limit"
    if status == 403:
        return "content_policy" if _says(words, _POLICY) else "authorization"
    if status == 404:
        return "model_not_found" if "model" in words else "invalid_request"
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return "server" if status >= 500 else "protocol" if status < 400 else "invalid_request"


_BY_STATUS: dict[int, ProviderCategory] = {
    401: "authentication",
    402: "quota",
    407: "authentication",
    408: "timeout",
    409: "overloaded",
    425: "overloaded",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


_BY_CODE: dict[str, ProviderCategory] = {
    "authentication_error": "authentication",
    "invalid_api_key": "authentication",
    "permission_error": "authorization",
    "billing_error": "quota",
    "rate_limit_error": "rate_limit",
    "overloaded_error": "overloaded",
    "timeout_error": "timeout",
}
"""Error types that mean the same whatever status they come with."""


def _by_words(words: str, otherwise: ProviderCategory) -> ProviderCategory:
    if _says(words, _CONTEXT) or ("maximum" in words and "token" in words):
        return "context_length"
    if _says(words, _POLICY):
        return "content_policy"
    if "model" in words and _says(words, ("not found", "not_found", "not exist", "unknown model", "no such model")):
        return "model_not_found"
    if _says(words, ("insufficient_quota", "insufficient balance", "credit balance")):
        return "quota"
    if _says(words, _RATE):
        return "rate_limit"
    if "overloaded" in words:
        return "overloaded"
    return otherwise


def _says(words: str, any_of: tuple[str, ...]) -> bool:
    return any(part in words for part in any_of)


def _hint(category: ProviderCategory, status: int, endpoint: Endpoint) -> str:
    if status == 407:
        return "The proxy wants a user and password; put them into the proxy setting."
    if status == 404 and category == "invalid_request":
        return f"Nothing answers at {endpoint.url}; check base_url (it usually ends in /v1)."
    key = " or ".join(endpoint.key_env) or "the provider's api_key"
    hints: dict[ProviderCategory, str] = {
        "authentication": f"The key was refused. Set {key} to a valid key for {endpoint.provider}.",
        "authorization": f"This key may not use {endpoint.model}. Choose another model or another key ({key}).",
        "quota": f"The account at {endpoint.provider} is out of credit or quota. Top it up or choose another provider.",
        "rate_limit": "Too many requests for this account. Wait, or run fewer threads at once.",
        "overloaded": f"{endpoint.provider} is overloaded. Try again later or choose another model.",
        "server": f"{endpoint.provider} has a problem of its own. Try again later.",
        "timeout": f"{endpoint.provider} took too long. Try again later.",
        "context_length": f"The thread is too long for {endpoint.model}. Compact it, or choose a model with a larger window.",
        "content_policy": "The provider refused the content. Rephrase it or choose another provider.",
        "model_not_found": f"{endpoint.provider} does not know the model {endpoint.model!r}. Check the name with --model.",
        "invalid_request": f"{endpoint.provider} did not accept the request; what it said is above.",
        "network": f"Check the connection to {endpoint.url}.",
        "protocol": f"Check base_url ({endpoint.url}).",
    }
    return hints[category]


def _retry_after(headers: Headers) -> float | None:
    millis = _number(header(headers, "retry-after-ms"))
    if millis is not None:
        return _clamped(millis / 1000)
    value = header(headers, "retry-after")
    seconds = _number(value)
    if seconds is not None:
        return _clamped(seconds)
    then = _http_date(value)
    if then is None:
        return None
    now = _http_date(header(headers, "date"))
    return _clamped(then - (time.time() if now is None else now))


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _http_date(text: str | None) -> float | None:
    """Unix seconds of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7, the one form servers may send)."""
    try:
        _, day, month, year, clock, zone = (text or "").split()
        hour, minute, second = (int(part) for part in clock.split(":"))
        days = _days(int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None
    return float(days * 86400 + hour * 3600 + minute * 60 + second) if zone == "GMT" else None


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar, counting years from March."""
    year -= month <= 2
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + of_year - 719468
