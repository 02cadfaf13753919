"""The plan in the bytes of OpenAI Responses: frames of a stream, or one JSON body. Pure."""

import msgspec

from codewhale.domain.records import Usage
from codewhale.llm.scripted.asked import Asked
from codewhale.llm.scripted.asked_responses import encrypted
from codewhale.llm.scripted.faults import Fault
from codewhale.llm.scripted.plan import CallOpened, CallPart, Plan, Spoken, whole
from codewhale.llm.scripted.wire import Frame, Part, Style, halves, unterminated

BAD_TEXT = b'{"type":"response.output_text.delta","output_index":0,"delta":"\xff\xfe\xc3"}'
_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
_json = msgspec.json.encode
Json = dict[str, object]


def stream(plan: Plan, asked: Asked, ident: str, created: int, fault: Fault | None) -> list[Part]:
    """The body of a streamed answer: frames and the points between them, in order."""
    style = Style(fault, BAD_TEXT)
    items = _Items(style, ident)
    for piece in plan.pieces:
        if isinstance(piece, str):
            if piece == "before_finish":
                items.close_all()
            items.parts.append(piece)
            items.parts += style.garbage_at(piece)
            if piece == "after_headers":
                items.say("response.created", response=_response(asked, ident, created, "in_progress", []))
        else:
            items.take(piece)
    status = "incomplete" if plan.finish in _CUT else "completed"
    response = {**_response(asked, ident, created, status, items.done), **_end(plan)}
    for _ in range((2 if style.fault.finish_twice else 1) if style.fault.finish else 0):
        items.say(f"response.{status}", response=response)
    if style.fault.after_finish is not None:
        items.take(Spoken(style.fault.after_finish, reasoning=False))
        items.close_all()
    items.parts.append("before_done")
    items.parts += style.garbage_at("before_done")
    return items.parts if style.fault.terminate else unterminated(items.parts)


def document(plan: Plan, asked: Asked, ident: str, created: int) -> list[Part]:
    """The body of an answer that is not streamed."""
    text, reasoning, calls = whole(plan)
    output: list[Json] = [_thought(f"rs_{ident}_0", reasoning)] if reasoning else []
    if text:
        output.append(_message(f"msg_{ident}_1", text))
    output += [_call(f"fc_{ident}_{n}", call, arguments) for n, (call, arguments) in enumerate(calls, 2)]
    status = "incomplete" if plan.finish in _CUT else "completed"
    return halves(_json({**_response(asked, ident, created, status, output), **_end(plan)}))


class _Items:
    """The output items of an answer in the making, in order of appearance; `done` has those that are whole."""

    def __init__(self, style: Style, ident: str) -> None:
        self.parts: list[Part] = []
        self.done: list[Json] = []
        self._style = style
        self._ident = ident
        self._count = 0
        self._open: dict[str, int] = {}
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[str, CallOpened] = {}

    def say(self, event: str, **fields: object) -> None:
        self._frame(event, 1, fields)

    def take(self, piece: Spoken | CallOpened | CallPart) -> None:
        match piece:
            case Spoken():
                self._spoken(piece)
            case CallOpened():
                self._close("text")
                self._close("thinking")
                name = f"call{piece.index}"
                self._calls[name] = piece
                self._begin(name, _call(self._id("fc"), piece, ""))
            case CallPart():
                name = f"call{piece.index}"
                self._texts[name].append(piece.text)
                self.say("response.function_call_arguments.delta", output_index=self._open[name], delta=piece.text)

    def close_all(self) -> None:
        for name in list(self._open):
            self._close(name)

    def _spoken(self, piece: Spoken) -> None:
        kind, other = ("thinking", "text") if piece.reasoning else ("text", "thinking")
        self._close(other)
        if kind not in self._open:
            empty: Json = {"id": self._id("rs"), "type": "reasoning", "summary": ()}
            self._begin(kind, empty if piece.reasoning else _message(self._id("msg"), ""))
        self._texts[kind].append(piece.text * piece.count)
        event = "response.reasoning_summary_text.delta" if piece.reasoning else "response.output_text.delta"
        self._frame(event, piece.count, {"output_index": self._open[kind], "delta": piece.text})

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._ident}_{self._count}"

    def _begin(self, name: str, item: Json) -> None:
        self.say("response.output_item.added", output_index=self._count, item=item)
        self._open[name] = self._count
        self._texts[name] = []
        self._count += 1

    def _close(self, name: str) -> None:
        at = self._open.pop(name, None)
        if at is None:
            return
        text = "".join(self._texts.pop(name))
        ident = f"{self._ident}_{at}"
        if name == "thinking":
            item = _thought(f"rs_{ident}", text)
        elif name == "text":
            item = _message(f"msg_{ident}", text)
        else:
            item = _call(f"fc_{ident}", self._calls[name], text)
        self.done.append(item)
        self.say("response.output_item.done", output_index=at, item=item)

    def _frame(self, event: str, count: int, fields: Json) -> None:
        self.parts.append(Frame(self._style.frame(_json({"type": event, **fields}), event.encode()), count))


def _thought(ident: str, text: str) -> Json:
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": ident, "type": "reasoning", "summary": summary, "encrypted_content": encrypted(text)}


def _message(ident: str, text: str) -> Json:
    part: Json = {"type": "output_text", "text": text, "annotations": ()}
    content = [part] if text else []
    return {"id": ident, "type": "message", "role": "assistant", "status": "completed", "content": content}


def _call(ident: str, call: CallOpened, arguments: str) -> Json:
    return {"id": ident, "type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _response(asked: Asked, ident: str, created: int, status: str, output: list[Json]) -> Json:
    return {
        "id": ident,
        "object": "response",
        "created_at": created,
        "status": status,
        "model": asked.model,
        "output": output,
        "error": None,
    }


def _end(plan: Plan) -> Json:
    why = _CUT.get(plan.finish)
    return {"usage": _counts(plan.usage), "incomplete_details": None if why is None else {"reason": why}}


def _counts(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    counts: Json = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.prompt_cache_hit_tokens is not None:
        counts["input_tokens_details"] = {"cached_tokens": usage.prompt_cache_hit_tokens}
    if usage.reasoning_tokens is not None:
        counts["output_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return counts
