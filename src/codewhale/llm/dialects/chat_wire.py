"""Chat Completions on the wire: what we send and what we read of what is sent. Types only.

Everything read has a default and unknown fields are skipped: providers differ in what they leave out.
"""

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

REASONING_OMITTED = "(reasoning omitted)"
"""What stands for reasoning that there was none of, where a call must have some. It is never kept, also not when a provider
says it back."""


class SentFunction(Struct, frozen=True, kw_only=True):
    """Name and arguments of a call in the history."""

    name: str
    arguments: str


class GoogleExtra(Struct, omit_defaults=True):
    """Where Google's endpoint puts what belongs to a call."""

    thought_signature: str | None = None


class Extra(Struct, omit_defaults=True):
    """What a vendor adds to a call."""

    google: GoogleExtra | None = None


class SentCall(Struct, frozen=True, kw_only=True):
    """A call in the history."""

    id: str
    type: Literal["function"] = "function"
    function: SentFunction
    extra_content: Extra | UnsetType = UNSET


class SentText(Struct, frozen=True, kw_only=True):
    """A system or user message."""

    role: Literal["system", "user"]
    content: str


class SentAssistant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer in the history; `content` is null when it only called tools."""

    role: str
    content: str | None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[SentCall] | None = None


class SentResult(Struct, frozen=True, kw_only=True):
    """The result of a call."""

    role: Literal["tool"] = "tool"
    tool_call_id: str
    content: str


class Function(Struct, gc=False):
    """`arguments` is a piece of JSON text in a JSON string; some providers send the object itself."""

    name: str | None = None
    arguments: Raw = Raw()


class CallDelta(Struct):
    """A piece of a tool call; which call is told by index, id, both or neither."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: Extra | None = None


class Part(Struct):
    """Content in parts: `text` or `thinking`."""

    type: str | None = None
    text: str | None = None
    thinking: "str | list[Part] | None" = None


class Delta(Struct):
    """What one choice adds; also the whole message of an answer that was not streamed."""

    content: str | list[Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallDelta] | None = None
    refusal: str | None = None


class Choice(Struct):
    """Only index 0 was asked for."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None


class Chunk(Struct):
    """One event of the stream, or the whole answer."""

    choices: list[Choice] | None = None
    usage: Raw = Raw()
    error: Raw = Raw()
    message: Raw = Raw()


class PromptDetails(Struct):
    """Where OpenAI tells what came from its cache."""

    cached_tokens: int | None = None


class CompletionDetails(Struct):
    """Where OpenAI tells what was spent on reasoning."""

    reasoning_tokens: int | None = None


class WireUsage(Struct):
    """Token counts in the spellings in use."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_cache_miss_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    reasoning_tokens: int | None = None
