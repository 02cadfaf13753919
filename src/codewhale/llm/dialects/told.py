"""Answers whose streams are made of events with a type and always tell their end: what decoding them has in common.

Calls, usage and the one `Finished` come at the end, in this order. A stream that ends before the model said that it had
finished is an error whatever came.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import Finished, FinishReason, ModelEvent, UsageReported
from codewhale.domain.records import Usage
from codewhale.llm.dialects.calls import CallPieces
from codewhale.llm.dialects.texts import Texts
from codewhale.llm.errors import Endpoint, broken_off, not_valid

CHARS_PER_TOKEN = 4

E = TypeVar("E")


class ToldAnswer(Generic[E]):
    """One answer. Feed it, then `finish` it once. A dialect gives `_event`, `_used` and, where it ends a stream by a word that is
    no event, `_last`."""

    def __init__(self, decoder: "msgspec.json.Decoder[E]", endpoint: Endpoint, replayed_chars: int) -> None:
        self.done = False
        self._decoder = decoder
        self._endpoint = endpoint
        self._replayed = replayed_chars // CHARS_PER_TOKEN
        self._calls = CallPieces()
        self._reason: FinishReason | None = None
        self._failure: ProviderError | None = None

    @property
    def settled(self) -> bool:
        return self._reason is not None

    def feed(self, payloads: Iterable[bytes]) -> list[ModelEvent]:
        texts = Texts()
        try:
            for payload in payloads:
                self.done = self.done or self._last(payload)
                if self.done:
                    break
                self._event(self._read(payload), payload, texts)
        except ProviderError as error:
            self._failure = error
            self.done = True
        return texts.finish()

    def finish(self) -> list[ModelEvent]:
        if self._failure is not None:
            raise self._failure
        if self._reason is None:
            raise broken_off(self._endpoint, calls=len(self._calls))
        reason = self._with_calls(self._reason) if len(self._calls) else self._reason
        events: list[ModelEvent] = list(self._calls.finish(cut_off=reason in ("length", "content_filter")))
        usage = self._used()
        if usage is not None:
            events.append(UsageReported(usage))
        return [*events, Finished(reason)]

    def _event(self, event: E, payload: bytes, texts: Texts) -> None:
        """Take one event in. Raises `ProviderError` for one that is an error."""
        raise NotImplementedError

    def _used(self) -> Usage | None:
        """What the answer used, as far as it was told."""
        raise NotImplementedError

    def _last(self, payload: bytes) -> bool:
        """Whether this payload is a word that ends the stream."""
        del payload
        return False

    def _with_calls(self, reason: FinishReason) -> FinishReason:
        """Why an answer with calls ended, given what was told."""
        return "tool_calls" if reason == "stop" else reason

    def _read(self, payload: bytes) -> E:
        try:
            return self._decoder.decode(payload)
        except (ValueError, RecursionError) as error:
            raise not_valid(payload, error, self._endpoint) from error
