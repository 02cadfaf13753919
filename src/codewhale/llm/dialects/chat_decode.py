"""A Chat Completions answer as model events: the pieces of a stream, or the whole of an answer that was not streamed.

Text of one network read is merged. Calls, usage and the one `Finished` come at the end, in this order. Text that looks
like a tool call stays text.
"""

from collections.abc import Iterable

import msgspec

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import Finished, FinishReason, ModelEvent, ReasoningDelta, TextDelta, UsageReported
from codewhale.domain.records import Usage
from codewhale.llm.dialects import chat_wire as wire
from codewhale.llm.dialects.calls import CallPieces
from codewhale.llm.dialects.texts import Texts
from codewhale.llm.errors import Endpoint, from_event, not_valid

DONE = b"[DONE]"
NO_RAW = msgspec.Raw()
CHARS_PER_TOKEN = 4

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
}
_BROKEN = frozenset({"error", "network_error", "insufficient_system_resource", "abort"})
_CHUNK = msgspec.json.Decoder(wire.Chunk)
_USAGE = msgspec.json.Decoder(wire.WireUsage)


class ChatDecoder:
    """One answer. Feed it, then `finish` it once."""

    def __init__(self, endpoint: Endpoint, *, replayed_chars: int = 0) -> None:
        self.done = False
        self._endpoint = endpoint
        self._replayed = replayed_chars
        self._calls = CallPieces()
        self._reason: FinishReason | None = None
        self._usage = b""
        self._spoke = False
        self._echo: str | None = ""
        self._failure: ProviderError | None = None

    @property
    def settled(self) -> bool:
        """The model has said that it is finished; only usage may still come."""
        return self._reason is not None

    def feed(self, payloads: Iterable[bytes]) -> list[ModelEvent]:
        """The events in these payloads of the stream. What is no JSON, no UTF-8, or an error event ends it: `finish` raises,
        after everything before it was given."""
        texts = Texts()
        try:
            self._read(payloads if self._failure is None else (), texts)
        except ProviderError as error:
            self._failure = error
            self.done = True
        events = texts.finish()
        if events:
            self._spoke = True
        return events

    def _read(self, payloads: Iterable[bytes], texts: Texts) -> None:
        for payload in payloads:
            if payload == DONE:
                self.done = True
                break
            chunk = self._chunk(payload)
            choices = chunk.choices
            if not choices or chunk.error != NO_RAW:
                self._complain(chunk, payload)
            for choice in choices or ():
                if not choice.index:
                    self._choice(choice, texts)
            if chunk.usage != NO_RAW:
                self._usage = bytes(chunk.usage)

    def whole(self, document: bytes) -> list[ModelEvent]:
        """All events of an answer that came as one JSON document."""
        events = self.feed([document.removeprefix(b"\xef\xbb\xbf")])
        return [*events, *self.finish()]

    def finish(self) -> list[ModelEvent]:
        """The end of the stream: calls, usage, `Finished`. Without any sign that the model had finished it is an error
        when calls are pending (half a call must not run) or nothing came; text alone ends as `unknown`."""
        if self._failure is not None:
            raise self._failure
        reason = self._final_reason()
        events: list[ModelEvent] = list(self._calls.finish(cut_off=reason in ("length", "content_filter")))
        usage = self._counted()
        if usage is not None:
            events.append(UsageReported(usage))
        events.append(Finished(reason))
        return events

    def _chunk(self, payload: bytes) -> wire.Chunk:
        try:
            return _CHUNK.decode(payload)
        except (ValueError, RecursionError) as error:
            raise not_valid(payload, error, self._endpoint) from error

    def _choice(self, choice: wire.Choice, texts: Texts) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            self._think(delta.reasoning_content or delta.reasoning or "", texts)
            content = delta.content or delta.refusal
            if content or delta.tool_calls:
                self._thought(texts)
            if content:
                if isinstance(content, str):
                    texts.add(TextDelta, content)
                else:
                    _add_parts(content, texts)
            if delta.tool_calls:
                self._add_calls(delta.tool_calls)
        if choice.finish_reason:
            self._thought(texts)
            self._finished(choice.finish_reason)

    def _think(self, text: str, texts: Texts) -> None:
        """Reasoning; as long as it may be the echo of our own placeholder it is held back."""
        if self._echo is None or not text:
            texts.add(ReasoningDelta, text)
            return
        self._echo += text
        if not wire.REASONING_OMITTED.startswith(self._echo):
            held, self._echo = self._echo, None
            texts.add(ReasoningDelta, held)

    def _thought(self, texts: Texts) -> None:
        """The reasoning is over: an echo is nothing, what only began like one is reasoning."""
        held, self._echo = self._echo, None
        if held and held != wire.REASONING_OMITTED:
            texts.add(ReasoningDelta, held)

    def _add_calls(self, pieces: list[wire.CallDelta]) -> None:
        try:
            for piece in pieces:
                self._calls.add(piece)
        except ValueError as error:
            raise ProviderError(
                f"{self._endpoint.provider} sent a tool call that is not valid text: {error}.",
                category="protocol",
                hint="A gateway in between may damage the stream; try another model or address.",
            ) from error

    def _finished(self, reason: str) -> None:
        if reason in _BROKEN:
            raise ProviderError(
                f"{self._endpoint.provider} broke off its answer ({reason}).",
                category="server",
                hint="Try again, or choose another model.",
            )
        if self._reason in (None, "unknown"):
            self._reason = _FINISH.get(reason, "unknown")

    def _complain(self, chunk: wire.Chunk, payload: bytes) -> None:
        """An error object, or an event that is nothing but a message."""
        for said in (chunk.error, chunk.message if chunk.choices is None else NO_RAW):
            if bytes(said) not in (b"", b"null"):
                raise from_event(payload, self._endpoint)

    def _final_reason(self) -> FinishReason:
        calls = len(self._calls)
        if self._reason is None:
            if calls and not self.done:
                raise self._broken_off("in the middle of a tool call; it was not run")
            if not calls and not self._spoke:
                raise self._broken_off("without an answer")
        if calls and self._reason in ("stop", "unknown", None):
            return "tool_calls"
        return self._reason or ("stop" if self.done else "unknown")

    def _broken_off(self, when: str) -> ProviderError:
        return ProviderError(
            f"{self._endpoint.provider} ended the stream {when}.",
            category="network",
            hint="The connection or a gateway broke off; try again.",
        )

    def _counted(self) -> Usage | None:
        if not self._usage or self._usage == b"null":
            return None
        try:
            counts = _USAGE.decode(self._usage)
        except ValueError:
            return None
        return _usage(counts, self._replayed // CHARS_PER_TOKEN)


def _add_parts(parts: list[wire.Part], texts: Texts) -> None:
    for part in parts:
        if part.text:
            texts.add(TextDelta, part.text)
        thinking = part.thinking
        if isinstance(thinking, str):
            texts.add(ReasoningDelta, thinking)
        elif thinking:
            texts.add(ReasoningDelta, "".join(inner.text or "" for inner in thinking))


def _usage(counts: wire.WireUsage, replayed_tokens: int) -> Usage:
    """Counts below zero are nonsense and become zero; a miss that is not told is what was not a hit."""
    prompt = max(counts.prompt_tokens or 0, 0)
    hit, miss = counts.prompt_cache_hit_tokens, counts.prompt_cache_miss_tokens
    if hit is None and counts.prompt_tokens_details is not None:
        hit = counts.prompt_tokens_details.cached_tokens
    if hit is not None:
        hit = max(hit, 0)
        miss = max(prompt - hit, 0) if miss is None else max(miss, 0)
    details = counts.completion_tokens_details
    reasoning = counts.reasoning_tokens if details is None else details.reasoning_tokens
    return Usage(
        input_tokens=prompt,
        output_tokens=max(counts.completion_tokens or 0, 0),
        prompt_cache_hit_tokens=hit,
        prompt_cache_miss_tokens=miss,
        reasoning_tokens=None if reasoning is None else max(reasoning, 0),
        reasoning_replay_tokens=replayed_tokens or None,
    )
