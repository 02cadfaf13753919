"""An OpenAI Responses answer as model events: the events of a stream, or the whole of an answer that was not streamed."""

import msgspec

from codewhale.domain.messages import (
    FinishReason,
    ModelEvent,
    ReasoningDelta,
    ReasoningSealed,
    TextDelta,
)
from codewhale.domain.records import Usage
from codewhale.llm.dialects import responses_wire as wire
from codewhale.llm.dialects.responses_encode import DIALECT
from codewhale.llm.dialects.seals import carried
from codewhale.llm.dialects.texts import Texts
from codewhale.llm.dialects.told import ToldAnswer
from codewhale.llm.errors import Endpoint, from_event, not_valid

PARAGRAPH = "\n\n"
_DONE = b"[DONE]"
_CUT: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_EVENT = msgspec.json.Decoder(wire.Event)
_WHOLE = msgspec.json.Decoder(wire.Response)


class ResponsesDecoder(ToldAnswer[wire.Event]):
    """One answer. Feed it, then `finish` it once."""

    def __init__(self, endpoint: Endpoint, model: str, *, replayed_chars: int = 0) -> None:
        super().__init__(_EVENT, endpoint, replayed_chars)
        self._model = model
        self._argued: set[int] = set()
        self._thoughts: dict[int, list[str]] = {}
        self._said: set[int] = set()
        self._counts: wire.Counts | None = None

    def whole(self, document: bytes) -> list[ModelEvent]:
        document = document.removeprefix(b"\xef\xbb\xbf")
        try:
            response = _WHOLE.decode(document)
        except (ValueError, RecursionError) as error:
            raise not_valid(document, error, self._endpoint) from error
        if response.object != "response":
            raise from_event(document, self._endpoint)
        texts = Texts()
        for index, item in enumerate(response.output):
            self._begin(index, item)
            self._end(index, item, texts)
        self._over(response)
        return [*texts.finish(), *self.finish()]

    def _used(self) -> Usage | None:
        return _usage(self._counts, self._replayed)

    def _last(self, payload: bytes) -> bool:
        return payload == _DONE

    def _event(self, event: wire.Event, payload: bytes, texts: Texts) -> None:
        index = event.output_index or 0
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                self._said.add(index)
                texts.add(TextDelta, event.delta or "")
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self._think(index, event.delta or "", texts)
            case "response.reasoning_summary_part.added" if self._thoughts.get(index):
                self._think(index, PARAGRAPH, texts)
            case "response.function_call_arguments.delta":
                self._argued.add(index)
                self._calls.more(index, event.delta or "")
            case "response.output_item.added" if event.item is not None:
                self._begin(index, event.item)
            case "response.output_item.done" if event.item is not None:
                self._end(index, event.item, texts)
            case "response.completed" | "response.incomplete" | "response.failed" if event.response is not None:
                self._over(event.response)
                self.done = True
            case _:
                if event.type == "error" or bytes(event.error) not in (b"", b"null"):
                    raise from_event(payload, self._endpoint)

    def _think(self, index: int, text: str, texts: Texts) -> None:
        self._thoughts.setdefault(index, []).append(text)
        texts.add(ReasoningDelta, text)

    def _begin(self, index: int, item: wire.Item) -> None:
        if item.type == "function_call":
            self._calls.begin(index, item.call_id or item.id or "", item.name or "")

    def _end(self, index: int, item: wire.Item, texts: Texts) -> None:
        """An item is whole: what did not come in pieces comes now."""
        match item.type:
            case "message" if index not in self._said:
                for part in item.content or ():
                    texts.add(TextDelta, part.text or part.refusal or "")
            case "function_call":
                self._begin(index, item)
                if index not in self._argued:
                    self._calls.more(index, item.arguments or "")
            case "reasoning":
                self._reasoned(index, item, texts)
            case _:
                pass

    def _reasoned(self, index: int, item: wire.Item, texts: Texts) -> None:
        if index not in self._thoughts:
            parts = [part.text for part in (item.summary or item.content or ()) if part.text]
            self._think(index, PARAGRAPH.join(parts), texts)
        text = "".join(self._thoughts.pop(index))
        if item.encrypted_content and item.id:
            kept = {
                "type": "reasoning",
                "id": item.id,
                "summary": [{"type": "summary_text", "text": part.text or ""} for part in item.summary or ()],
                "encrypted_content": item.encrypted_content,
            }
            data = msgspec.json.encode(kept).decode()
            texts.put(ReasoningSealed(carried(DIALECT, self._model, text, data)))

    def _over(self, response: wire.Response) -> None:
        self._counts = response.usage
        if response.status == "failed" or bytes(response.error) not in (b"", b"null"):
            raise from_event(msgspec.json.encode({"error": response.error}), self._endpoint)
        if response.status == "incomplete":
            why = response.incomplete_details.reason if response.incomplete_details is not None else None
            self._reason = _CUT.get(why or "", "length")
        else:
            self._reason = "stop"


def _usage(counts: wire.Counts | None, replayed_tokens: int) -> Usage | None:
    if counts is None:
        return None
    asked = max(counts.input_tokens or 0, 0)
    cached = counts.input_tokens_details.cached_tokens if counts.input_tokens_details is not None else None
    hit = None if cached is None else min(max(cached, 0), asked)
    reasoning = counts.output_tokens_details.reasoning_tokens if counts.output_tokens_details is not None else None
    return Usage(
        input_tokens=asked,
        output_tokens=max(counts.output_tokens or 0, 0),
        prompt_cache_hit_tokens=hit,
        prompt_cache_miss_tokens=None if hit is None else asked - hit,
        reasoning_tokens=None if reasoning is None else max(reasoning, 0),
        reasoning_replay_tokens=replayed_tokens or None,
    )
