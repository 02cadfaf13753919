"""The plan in the bytes of Chat Completions: frames of a stream, or one JSON body. Faults of form are applied here.

Pure. Equal frames are given once with a count, so that 20,000 deltas cost no more than their bytes.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from codewhale.domain.records import Usage
from codewhale.llm.scripted.asked import Asked
from codewhale.llm.scripted.faults import WHOLE_GARBAGE, Fault, Point
from codewhale.llm.scripted.plan import CallOpened, CallPart, Plan, Spoken, whole

HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in to continue.</body></html>"
BAD_TEXT = b'{"choices":[{"index":0,"delta":{"content":"\xff\xfe\xc3"}}]}'
_BLOCK = 64 * 1024
_NO_FAULT = Fault(done=False)


class Frame(Struct, frozen=True):
    """These bytes, `count` times."""

    text: bytes
    count: int = 1


Part = Frame | Point


def stream(plan: Plan, asked: Asked, ident: str, created: int, fault: Fault | None) -> list[Part]:
    """The body of a streamed answer: frames and the points between them, in order."""
    style = Style(fault)
    open_frame = _Opening(asked.model, ident, created)
    parts: list[Part] = []
    for piece in plan.pieces:
        if isinstance(piece, str):
            parts.append(piece)
            parts += style.garbage_at(piece)
        else:
            delta, count = _delta(piece)
            parts.append(Frame(style.frame(open_frame.choice(delta, "null")), count))
    usage = usage_body(plan.usage)
    last = open_frame.choice(b"{}", _json(plan.finish).decode(), usage if plan.reply.usage_with_finish else None)
    if style.fault.finish:
        parts.append(Frame(style.frame(last), 2 if style.fault.finish_twice else 1))
    if style.fault.after_finish is not None:
        delta, _ = _delta(Spoken(style.fault.after_finish, reasoning=False))
        parts.append(Frame(style.frame(open_frame.choice(delta, "null"))))
    if usage is not None and asked.include_usage and not plan.reply.usage_with_finish:
        parts.append(Frame(style.frame(open_frame.usage_only(usage))))
    parts.append("before_done")
    parts += style.garbage_at("before_done")
    if fault is None or fault.done:
        parts.append(Frame(style.frame(b"[DONE]")))
    return parts if style.fault.terminate else unterminated(parts)


def document(plan: Plan, asked: Asked, ident: str, created: int) -> list[Part]:
    """The body of an answer that is not streamed."""
    return halves(_document(plan, asked, ident, created))


def halves(body: bytes) -> list[Part]:
    """A body in two halves with all points between them."""
    middle = len(body) // 2
    points: list[Part] = ["mid_reasoning", "mid_text", "mid_arguments", "before_finish"]
    return ["after_headers", Frame(body[:middle]), *points, Frame(body[middle:]), "before_done"]


def replacement(fault: Fault | None) -> tuple[bytes, bytes] | None:
    """(content type, body) of what comes in place of the whole answer with status 200, if anything does."""
    if fault is None or fault.garbage not in WHOLE_GARBAGE:
        return None
    if fault.garbage == "html":
        return b"text/html; charset=utf-8", HTML
    return b"application/json", error_body("The server had an error.", "server_error")


def error_body(message: str, code: str, kind: str = "invalid_request_error") -> bytes:
    """An error in the shape that providers use."""
    return _json({"error": {"message": message, "type": kind, "code": code, "param": None}})


def usage_body(usage: Usage | None) -> bytes | None:
    """Usage in both dialects of cache counts, as JSON."""
    if usage is None:
        return None
    fields: dict[str, object] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.prompt_cache_hit_tokens is not None:
        fields["prompt_cache_hit_tokens"] = usage.prompt_cache_hit_tokens
        fields["prompt_tokens_details"] = {"cached_tokens": usage.prompt_cache_hit_tokens}
    if usage.prompt_cache_miss_tokens is not None:
        fields["prompt_cache_miss_tokens"] = usage.prompt_cache_miss_tokens
    if usage.reasoning_tokens is not None:
        fields["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return _json(fields)


class _Opening:
    """What all frames of an answer share."""

    def __init__(self, model: str, ident: str, created: int) -> None:
        self._start = b'{"id":%s,"object":"chat.completion.chunk","created":%d,"model":%s,"choices":[' % (
            _json(ident),
            created,
            _json(model),
        )

    def choice(self, delta: bytes, finish: str, usage: bytes | None = None) -> bytes:
        end = b"]}" if usage is None else b'],"usage":%s}' % usage
        return b'%s{"index":0,"delta":%s,"finish_reason":%s}%s' % (self._start, delta, finish.encode(), end)

    def usage_only(self, usage: bytes) -> bytes:
        return b'%s],"usage":%s}' % (self._start, usage)


class Style:
    """How lines are written, and the garbage between them; `bad_text` is an event with text that is not UTF-8."""

    def __init__(self, fault: Fault | None, bad_text: bytes = BAD_TEXT) -> None:
        self.fault = fault or _NO_FAULT
        self._bad_text = bad_text
        end = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}[self.fault.framing]
        self._line = end
        self._end = end + end
        self._start = b"data: " if self.fault.space else b"data:"

    def frame(self, text: bytes, event: bytes = b"") -> bytes:
        """One event with this data, and a name where the dialect names its events."""
        name = (b"event: " if self.fault.space else b"event:") + event + self._line if event else b""
        return name + self._start + text + self._end

    def garbage_at(self, point: Point) -> Iterator[Frame]:
        if self.fault.garbage is None or self.fault.at != point:
            return
        if self.fault.garbage == "huge_line":
            blocks, rest = divmod(self.fault.size, _BLOCK)
            yield Frame(self._start)
            yield Frame(b"x" * _BLOCK, blocks)
            yield Frame(b"x" * rest + self._end)
            return
        if self.fault.garbage == "comments":
            line = b": " + b"-" * 60 + self._line
            yield Frame(line, max(1, self.fault.size // len(line)))
            return
        lines = {
            "bad_utf8": b"data: " + self._bad_text,
            "bom": b"\xef\xbb\xbf",
            "nul": b"data: \0",
            "no_colon": b"this line has no colon",
            "not_json": b'data: {"choices":[{"index":0,"delta":{"content":',
            "comment": b": keep-alive",
            "error_frame": b"data: " + error_body("The upstream server failed.", "server_error", "server_error"),
        }
        line = lines.get(self.fault.garbage)
        if line is not None:
            yield Frame(line + self._end)


def _delta(piece: Spoken | CallOpened | CallPart) -> tuple[bytes, int]:
    """(the delta object of a piece, how often it comes)."""
    if isinstance(piece, Spoken):
        name = b"reasoning_content" if piece.reasoning else b"content"
        return b'{"%s":%s}' % (name, _json(piece.text)), piece.count
    if isinstance(piece, CallOpened):
        function = b'{"name":%s,"arguments":""}' % _json(piece.name)
        call = b'{"index":%d,"id":%s,"type":"function","function":%s}' % (piece.index, _json(piece.id), function)
    else:
        call = b'{"index":%d,"function":{"arguments":%s}}' % (piece.index, _json(piece.text))
    return b'{"tool_calls":[%s]}' % call, 1


def _document(plan: Plan, asked: Asked, ident: str, created: int) -> bytes:
    text, reasoning, calls = whole(plan)
    message: dict[str, object] = {"role": "assistant", "content": text or None}
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
            for call, arguments in calls
        ]
    usage = usage_body(plan.usage)
    body: dict[str, object] = {
        "id": ident,
        "object": "chat.completion",
        "created": created,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": plan.finish}],
    }
    if usage is not None:
        body["usage"] = msgspec.Raw(usage)
    return _json(body)


def unterminated(parts: list[Part]) -> list[Part]:
    """The same without the line ends after the last frame."""
    at = max(n for n, part in enumerate(parts) if isinstance(part, Frame))
    last = parts[at]
    assert isinstance(last, Frame)
    before: list[Part] = [Frame(last.text, last.count - 1)] if last.count > 1 else []
    return [*parts[:at], *before, Frame(last.text.rstrip(b"\r\n")), *parts[at + 1 :]]


_json = msgspec.json.encode
