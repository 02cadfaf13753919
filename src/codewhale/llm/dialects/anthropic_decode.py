"""An Anthropic Messages answer as model events: the events of a stream, or the whole of an answer that was not streamed."""

import msgspec

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import (
    FinishReason,
    ModelEvent,
    ReasoningDelta,
    ReasoningSealed,
    TextDelta,
)
from codewhale.domain.records import Usage
from codewhale.llm.dialects import anthropic_wire as wire
from codewhale.llm.dialects.anthropic_encode import DIALECT
from codewhale.llm.dialects.seals import carried
from codewhale.llm.dialects.texts import Texts
from codewhale.llm.dialects.told import ToldAnswer
from codewhale.llm.errors import Endpoint, from_event, not_valid

MAX_THOUGHT = 10 * 1024 * 1024

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_EVENT = msgspec.json.Decoder(wire.Event)
_WHOLE = msgspec.json.Decoder(wire.Whole)


class AnthropicDecoder(ToldAnswer[wire.Event]):
    """One answer. Feed it, then `finish` it once."""

    def __init__(self, endpoint: Endpoint, model: str, *, replayed_chars: int = 0) -> None:
        super().__init__(_EVENT, endpoint, replayed_chars)
        self._model = model
        self._thoughts: dict[int, _Thought] = {}
        self._inputs: dict[int, str] = {}
        self._counts = wire.Counts()

    def whole(self, document: bytes) -> list[ModelEvent]:
        document = document.removeprefix(b"\xef\xbb\xbf")
        try:
            answer = _WHOLE.decode(document)
        except (ValueError, RecursionError) as error:
            raise not_valid(document, error, self._endpoint) from error
        if answer.type != "message":
            raise from_event(document, self._endpoint)
        texts = Texts()
        for index, block in enumerate(answer.content):
            self._begin(index, block, texts)
            self._end(index, texts)
        self._finished(answer.stop_reason or "end_turn")
        self._count(answer.usage)
        return [*texts.finish(), *self.finish()]

    def _used(self) -> Usage | None:
        return _usage(self._counts, self._replayed)

    def _with_calls(self, reason: FinishReason) -> FinishReason:
        return "tool_calls" if reason in ("stop", "unknown") else reason

    def _event(self, event: wire.Event, payload: bytes, texts: Texts) -> None:
        index = event.index or 0
        match event.type:
            case "message_start" if event.message is not None:
                self._count(event.message.usage)
            case "content_block_start" if event.content_block is not None:
                self._begin(index, event.content_block, texts)
            case "content_block_delta" if event.delta is not None:
                self._more(index, event.delta, texts)
            case "content_block_stop":
                self._end(index, texts)
            case "message_delta":
                self._count(event.usage)
                if event.delta is not None and event.delta.stop_reason:
                    self._finished(event.delta.stop_reason)
            case "message_stop":
                self.done = True
            case "error":
                raise from_event(payload, self._endpoint)
            case _:
                if bytes(event.error) not in (b"", b"null"):
                    raise from_event(payload, self._endpoint)

    def _begin(self, index: int, block: wire.Block, texts: Texts) -> None:
        match block.type:
            case "thinking":
                self._thoughts[index] = _Thought()
                self._think(index, block.thinking or "", texts)
                self._thoughts[index].signature = block.signature or ""
            case "redacted_thinking":
                self._thoughts[index] = _Thought(redacted=block.data or "")
            case "tool_use":
                self._calls.begin(index, block.id or "", block.name or "")
                given = bytes(block.input)
                self._inputs[index] = given.decode() if given not in (b"", b"null", b"{}") else ""
            case _:
                texts.add(TextDelta, block.text or "")

    def _more(self, index: int, delta: wire.Delta, texts: Texts) -> None:
        if delta.text:
            texts.add(TextDelta, delta.text)
        if delta.thinking:
            self._think(index, delta.thinking, texts)
        thought = self._thoughts.get(index)
        if delta.signature and thought is not None:
            thought.signature += delta.signature
        if delta.partial_json:
            self._inputs.pop(index, None)
            self._calls.more(index, delta.partial_json)

    def _think(self, index: int, text: str, texts: Texts) -> None:
        thought = self._thoughts.setdefault(index, _Thought())
        thought.add(text)
        texts.add(ReasoningDelta, text)

    def _end(self, index: int, texts: Texts) -> None:
        thought = self._thoughts.pop(index, None)
        if thought is not None and thought.data:
            texts.put(ReasoningSealed(carried(DIALECT, self._model, thought.text, thought.data)))
        given = self._inputs.pop(index, "")
        if given:
            self._calls.more(index, given)

    def _finished(self, reason: str) -> None:
        if self._reason is None:
            self._reason = _FINISH.get(reason, "unknown")

    def _count(self, counts: wire.Counts | None) -> None:
        """The counts so far; later ones are sums and take the place of earlier ones, field by field."""
        for name in wire.Counts.__struct_fields__ if counts is not None else ():
            value = getattr(counts, name)
            if value is not None:
                setattr(self._counts, name, max(value, 0))


class _Thought:
    """One block of thinking: its text so far and what proves it. `redacted`: only the provider can read it."""

    __slots__ = ("_parts", "_redacted", "_size", "signature")

    def __init__(self, redacted: str = "") -> None:
        self.signature = ""
        self._redacted = redacted
        self._parts: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_THOUGHT:
            raise ProviderError(
                "The reasoning of one answer is larger than 10 MiB.", category="protocol", hint="Ask for less at once."
            )
        self._parts.append(text)

    @property
    def text(self) -> str:
        return "".join(self._parts)

    @property
    def data(self) -> str:
        return msgspec.json.encode({"data": self._redacted}).decode() if self._redacted else self.signature


def _usage(counts: wire.Counts, replayed_tokens: int) -> Usage | None:
    """What came from and went into the cache is input too."""
    if counts.input_tokens is None and counts.output_tokens is None:
        return None
    read, written = counts.cache_read_input_tokens, counts.cache_creation_input_tokens
    miss = (counts.input_tokens or 0) + (written or 0)
    return Usage(
        input_tokens=miss + (read or 0),
        output_tokens=counts.output_tokens or 0,
        prompt_cache_hit_tokens=read,
        prompt_cache_miss_tokens=None if read is None else miss,
        cache_write_tokens=written or None,
        reasoning_replay_tokens=replayed_tokens or None,
    )
