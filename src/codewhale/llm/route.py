"""A route: everything one model call needs to know about where it goes, resolved once and frozen.

The key is bound to the endpoint it was resolved for, is never shown, and never leaves for another one.
"""

import binascii

from msgspec import Struct, structs

from codewhale.domain.errors import ConfigError
from codewhale.domain.messages import Effort
from codewhale.llm.errors import Endpoint
from codewhale.llm.profiles import (
    DIALECT_EFFORT,
    UNKNOWN,
    Dialect,
    Fields,
    ModelFacts,
    Profile,
    Replay,
    load_profile,
    model_facts,
    output_limit,
)
from codewhale.llm.quirks import Quirks
from codewhale.llm.transport.port import Headers, check_headers
from codewhale.llm.transport.url import Url, is_loopback, parse_url

OWN_HEADERS = frozenset(
    {"authorization", "x-api-key", "content-type", "content-length", "host", "accept-encoding", "connection"}
)
PATHS: dict[Dialect, str] = {"chat": "/chat/completions", "anthropic": "/messages", "responses": "/responses"}
ANTHROPIC_VERSION = ("anthropic-version", "2023-06-01")


class RouteWish(Struct, frozen=True, kw_only=True):
    """What settings say about a provider; None means "as the profile says". `key_source` says in words where the key
    came from. `allow_insecure_http` permits plain http to other machines."""

    model: str | None = None
    dialect: Dialect | None = None
    base_url: str | None = None
    api_key: str | None = None
    key_source: str | None = None
    headers: Headers = ()
    effort: Effort | None = None
    window: int | None = None
    max_output: int | None = None
    allow_insecure_http: bool = False
    proxy: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:
        return _shown(self)


class Route(Struct, frozen=True, kw_only=True):
    """Provider, endpoint, model and key of a call. `url` is the address of the POST; show `display_url` only. `window`
    and `max_output` are tokens. `open_timeout` is the profile's, in seconds."""

    provider: str
    dialect: Dialect
    base_url: str
    url: Url
    model: str
    api_key: str | None
    key_source: str | None
    key_env: tuple[str, ...]
    headers: Headers
    window: int
    max_output: int | None
    effort: Effort | None
    quirks: Quirks
    open_timeout: float | None
    proxy: str | None
    ca_file: str | None

    def __repr__(self) -> str:
        return _shown(self)

    @property
    def display_url(self) -> str:
        """The address without user, password and query."""
        return self.url.display

    @property
    def endpoint(self) -> Endpoint:
        """What error messages may name, and the secret they must not."""
        return Endpoint(
            provider=self.provider,
            url=self.display_url,
            model=self.model,
            key_env=self.key_env,
            secret=self.api_key,
        )


def make_route(provider: str, wish: RouteWish) -> Route:
    """The route to `provider`. `ConfigError`: no profile and no base_url, no model, no key where one is needed, plain http
    to another machine, a header that is ours to set."""
    profile = load_profile(provider)
    known = profile is not None
    if profile is None:
        profile = structs.replace(UNKNOWN, id=provider)
    base_url = wish.base_url or profile.base_url
    if not base_url:
        raise ConfigError(
            f"There is no provider {provider!r} and no base_url for it.",
            hint="Set base_url, or choose one of the providers that `codewhale doctor` lists.",
        )
    model = wish.model or profile.default_model
    model = profile.aliases.get(model.lower(), model)
    if not model:
        raise ConfigError(f"No model is set for provider {provider!r}.", hint="Choose one with --model.")
    own_endpoint = _same_origin(base_url, profile.base_url)
    facts = model_facts(profile, model)
    dialect = wish.dialect or dialect_of(profile, model, base_url)
    url = call_url(base_url, dialect)
    _check_scheme(url, allowed=wish.allow_insecure_http)
    if not wish.api_key and not url.userinfo and not (profile.keyless or is_loopback(url.host)):
        raise _no_key(provider, profile.key_env)
    window = wish.window or facts.window or profile.window
    limit = output_limit(window, facts.max_output, known=known or wish.window is not None)
    efforts, body = _fields(profile, facts, dialect)
    quirks = Quirks(
        max_output=wish.max_output or limit,
        output_field=profile.output_field,
        usage_in_stream=profile.usage_in_stream,
        default_effort=wish.effort,
        effort=efforts,
        body=body,
        replay=_replay(profile, facts, dialect),
        call_signatures=profile.call_signatures,
    )
    return Route(
        provider=provider,
        dialect=dialect,
        base_url=base_url,
        url=url,
        model=model,
        api_key=wish.api_key,
        key_source=wish.key_source,
        key_env=profile.key_env if own_endpoint or known else (),
        headers=_headers(wish.headers),
        window=window,
        max_output=quirks.max_output,
        effort=wish.effort,
        quirks=quirks,
        open_timeout=profile.open_timeout,
        proxy=wish.proxy,
        ca_file=wish.ca_file,
    )


def dialect_of(profile: Profile, model: str, base_url: str) -> Dialect:
    """How a model is spoken to at an address when nobody says."""
    known = model_facts(profile, model).dialect if _same_origin(base_url, profile.base_url) else None
    return known or profile.dialect


def call_url(base_url: str, dialect: Dialect) -> Url:
    """Where to POST: the base plus the dialect's path, with `/v1` before it unless the path has a version of its own
    (`/v1`, `/api/v4`, `/v1beta/openai`) or ends in `/beta`. A base that already ends in the path is used as it is; a query
    stays."""
    return _below(base_url, PATHS[dialect])


def models_url(base_url: str) -> Url:
    """Where to ask for the list of models, beside the address of the calls."""
    return _below(base_url, "/models")


def _below(base_url: str, tail: str) -> Url:
    url = parse_url(base_url)
    path, question, query = url.target.partition("?")
    path = path.rstrip("/")
    path = next((path.removesuffix(known) for known in PATHS.values() if path.endswith(known)), path)
    versioned = path.endswith("/beta") or any(_is_version(part) for part in path.split("/"))
    given = url.target.partition("?")[0].rstrip("/").endswith(tuple(PATHS.values()))
    path += tail if versioned or given else f"/v1{tail}"
    return url.with_target(f"{path}{question}{query}")


def request_headers(route: Route) -> Headers:
    """The headers of every request on the route, the key among them. `ConfigError` for a key that cannot be a header."""
    headers = route.headers
    if route.dialect == "anthropic":
        headers = (ANTHROPIC_VERSION, *headers)
    if route.api_key and route.dialect == "anthropic":
        headers = (("x-api-key", route.api_key), *headers)
    elif route.api_key:
        headers = (("Authorization", f"Bearer {route.api_key}"), *headers)
    elif route.url.userinfo:
        token = binascii.b2a_base64(route.url.userinfo.encode(), newline=False).decode()
        headers = (("Authorization", f"Basic {token}"), *headers)
    check_headers(headers)
    return headers


def _same_origin(base_url: str, own: str) -> bool:
    return bool(own) and parse_url(base_url).origin == parse_url(own).origin


def _fields(profile: Profile, facts: ModelFacts, dialect: Dialect) -> tuple[dict[Effort, Fields], Fields]:
    """The fields per effort, and those of every request, for a model in a dialect."""
    said_for_models = (facts.dialect or profile.dialect) == dialect
    body = profile.body if dialect == profile.dialect else {}
    if said_for_models and facts.body is not None:
        body = facts.body
    if facts.effort is False:
        return {}, body
    if said_for_models and facts.efforts is not None:
        return facts.efforts, body
    return (profile.effort if dialect == profile.dialect else DIALECT_EFFORT[dialect]), body


def _replay(profile: Profile, facts: ModelFacts, dialect: Dialect) -> Replay:
    if dialect == "anthropic":
        return "sealed"
    if not facts.replay:
        return "none"
    return "sealed" if dialect == "responses" else profile.replay


def _is_version(part: str) -> bool:
    return len(part) > 1 and part[0] in "vV" and part[1].isdecimal()


def _check_scheme(url: Url, *, allowed: bool) -> None:
    if url.scheme == "http" and not allowed and not is_loopback(url.host):
        raise ConfigError(
            f"{url.display} is plain http: the key and everything said would cross the network unprotected.",
            hint="Use https://, or set DEEPSEEK_ALLOW_INSECURE_HTTP=1 if the network between is yours.",
        )


class NoKey(ConfigError):
    """The provider needs a key and there is none for its address."""


def _no_key(provider: str, key_env: tuple[str, ...]) -> NoKey:
    name = " or ".join(key_env) or "api_key"
    return NoKey(
        f"No API key for {provider}.",
        hint=f"`codewhale auth set {provider}`, or set {name}, or run a local model: --provider ollama needs no key. "
        "`codewhale demo` needs neither.",
    )


def _headers(headers: Headers) -> Headers:
    for name, _ in headers:
        if name.lower() in OWN_HEADERS:
            raise ConfigError(
                f"The header {name} cannot be set in http_headers.", hint="Remove it; the key belongs in api_key."
            )
    check_headers(headers)
    return headers


def _shown(route: "Route | RouteWish") -> str:
    fields = ", ".join(
        f"{name}={value!r}"
        for name in route.__struct_fields__
        if name not in ("api_key", "headers", "url", "base_url", "proxy")
        and (value := getattr(route, name)) is not None
    )
    return f"{type(route).__name__}({fields}, api_key={'set' if route.api_key else 'none'})"
