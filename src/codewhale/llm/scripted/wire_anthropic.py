"""The plan in the bytes of Anthropic Messages: frames of a stream, or one JSON body. Pure."""

import msgspec

from codewhale.domain.records import Usage
from codewhale.llm.scripted.asked import Asked
from codewhale.llm.scripted.asked_anthropic import signature
from codewhale.llm.scripted.faults import Fault
from codewhale.llm.scripted.plan import CallOpened, CallPart, Plan, Spoken, whole
from codewhale.llm.scripted.wire import Frame, Part, Style, halves, unterminated

BAD_TEXT = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\xff\xfe\xc3"}}'
_STOP = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
NO_INPUT: dict[str, object] = {}
_json = msgspec.json.encode


def stream(plan: Plan, asked: Asked, ident: str, created: int, fault: Fault | None) -> list[Part]:
    """The body of a streamed answer: frames and the points between them, in order."""
    del created
    style = Style(fault, BAD_TEXT)
    blocks = _Blocks(style)
    for piece in plan.pieces:
        if isinstance(piece, str):
            if piece == "before_finish":
                blocks.close_all()
            blocks.parts.append(piece)
            blocks.parts += style.garbage_at(piece)
            if piece == "after_headers":
                blocks.say("message_start", message=_head(plan, asked, ident))
                blocks.say("ping")
        else:
            blocks.take(piece)
    delta = {"stop_reason": _STOP.get(plan.finish, plan.finish), "stop_sequence": None}
    counts = {} if plan.usage is None else {"usage": {"output_tokens": plan.usage.output_tokens}}
    for _ in range((2 if style.fault.finish_twice else 1) if style.fault.finish else 0):
        blocks.say("message_delta", delta=delta, **counts)
    if style.fault.after_finish is not None:
        blocks.take(Spoken(style.fault.after_finish, reasoning=False))
        blocks.close_all()
    blocks.parts.append("before_done")
    blocks.parts += style.garbage_at("before_done")
    if style.fault.done:
        blocks.say("message_stop")
    return blocks.parts if style.fault.terminate else unterminated(blocks.parts)


def document(plan: Plan, asked: Asked, ident: str, created: int) -> list[Part]:
    """The body of an answer that is not streamed."""
    del created
    text, reasoning, calls = whole(plan)
    content: list[dict[str, object]] = []
    if reasoning:
        content.append({"type": "thinking", "thinking": reasoning, "signature": signature(reasoning)})
    if text:
        content.append({"type": "text", "text": text})
    for call, arguments in calls:
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": msgspec.Raw(arguments.encode())})
    head = _head(plan, asked, ident)
    usage = {**_input_counts(plan.usage), "output_tokens": plan.usage.output_tokens if plan.usage else 0}
    return halves(
        _json({**head, "content": content, "stop_reason": _STOP.get(plan.finish, plan.finish), "usage": usage})
    )


def error_body(message: str, code: str, kind: str = "invalid_request_error") -> bytes:
    """An error in this API's shape; its type is what programs tell it by."""
    return _json({"type": "error", "error": {"type": _TYPES.get(code, kind), "message": message}})


_TYPES = {
    "invalid_api_key": "authentication_error",
    "forbidden": "permission_error",
    "overloaded": "overloaded_error",
    "rate_limit_exceeded": "rate_limit_error",
    "insufficient_quota": "billing_error",
    "server_error": "api_error",
    "timeout": "timeout_error",
    "model_not_found": "not_found_error",
}


class _Blocks:
    """The blocks of an answer in the making; their places are counted in order of appearance."""

    def __init__(self, style: Style) -> None:
        self.parts: list[Part] = []
        self._style = style
        self._count = 0
        self._open: dict[str, int] = {}
        self._thought: list[str] = []

    def say(self, event: str, **fields: object) -> None:
        self._frame(event, 1, fields)

    def take(self, piece: Spoken | CallOpened | CallPart) -> None:
        match piece:
            case Spoken():
                self._spoken(piece)
            case CallOpened():
                self._close("text")
                self._close("thinking")
                at = self._begin(f"call{piece.index}")
                block: dict[str, object] = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": NO_INPUT}
                self.say("content_block_start", index=at, content_block=block)
            case CallPart():
                delta = {"type": "input_json_delta", "partial_json": piece.text}
                self.say("content_block_delta", index=self._open[f"call{piece.index}"], delta=delta)

    def close_all(self) -> None:
        for name in list(self._open):
            self._close(name)

    def _spoken(self, piece: Spoken) -> None:
        kind, other = ("thinking", "text") if piece.reasoning else ("text", "thinking")
        self._close(other)
        if kind not in self._open:
            empty = (
                {"type": "thinking", "thinking": "", "signature": ""} if piece.reasoning else {"type": kind, "text": ""}
            )
            self.say("content_block_start", index=self._begin(kind), content_block=empty)
        if piece.reasoning:
            self._thought.append(piece.text * piece.count)
        delta = {"type": f"{kind}_delta", kind: piece.text}
        self._frame("content_block_delta", piece.count, {"index": self._open[kind], "delta": delta})

    def _begin(self, name: str) -> int:
        self._open[name] = self._count
        self._count += 1
        return self._open[name]

    def _close(self, name: str) -> None:
        at = self._open.pop(name, None)
        if at is None:
            return
        if name == "thinking":
            proof = {"type": "signature_delta", "signature": signature("".join(self._thought))}
            self._thought.clear()
            self.say("content_block_delta", index=at, delta=proof)
        self.say("content_block_stop", index=at)

    def _frame(self, event: str, count: int, fields: dict[str, object]) -> None:
        self.parts.append(Frame(self._style.frame(_json({"type": event, **fields}), event.encode()), count))


def _head(plan: Plan, asked: Asked, ident: str) -> dict[str, object]:
    return {
        "id": ident,
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_input_counts(plan.usage), "output_tokens": 1} if plan.usage is not None else None,
    }


def _input_counts(usage: Usage | None) -> dict[str, int]:
    if usage is None:
        return {}
    read, written = usage.prompt_cache_hit_tokens, usage.cache_write_tokens
    counts = {"input_tokens": max(usage.input_tokens - (read or 0) - (written or 0), 0)}
    if read is not None:
        counts["cache_read_input_tokens"] = read
    if written is not None:
        counts["cache_creation_input_tokens"] = written
    return counts
