"""What a model is sent and what it sends back, in no vendor's words.

The context layer builds `ModelRequest` out of items; an adapter in `llm` encodes it for one wire dialect and decodes the
stream into `ModelEvent`s.
"""

from typing import Literal

from msgspec import Struct

from codewhale.domain.records import Carried, ToolCall, Usage

FinishReason = Literal["stop", "tool_calls", "length", "content_filter", "unknown"]
Effort = Literal["off", "low", "medium", "high", "max"]


class UserMessage(Struct, frozen=True, kw_only=True, tag="user", tag_field="role"):
    """What a person said."""

    text: str


class Reasoned(Struct, frozen=True, kw_only=True):
    """One block of reasoning that its provider wants back: its text, what goes with it, and how many characters of the
    message's text came before it."""

    text: str
    carried: Carried
    at: int = 0


class AssistantMessage(Struct, frozen=True, kw_only=True, tag="assistant", tag_field="role"):
    """What the model said in one step: reasoning (replayed only where the profile says so), text, calls. `reasoned` has the
    blocks of the reasoning that can only be given back whole, with their seals."""

    text: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    reasoned: tuple[Reasoned, ...] = ()


class ToolMessage(Struct, frozen=True, kw_only=True, tag="tool", tag_field="role"):
    """The result of one call; every call of the message before has exactly one."""

    call_id: str
    name: str
    text: str


Message = UserMessage | AssistantMessage | ToolMessage


class ToolSpec(Struct, frozen=True, kw_only=True):
    """A tool as the model sees it. `parameters` is a JSON schema object; equal tools encode to equal bytes."""

    name: str
    description: str
    parameters: dict[str, object]


class ModelRequest(Struct, frozen=True, kw_only=True):
    """One model call. `messages` in order; the system text is apart because dialects place it differently."""

    model: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int | None = None
    effort: Effort | None = None


class TextDelta(Struct, frozen=True):
    """More visible text. One network read gives at most one: adjacent deltas arrive merged."""

    text: str


class ReasoningDelta(Struct, frozen=True):
    """More reasoning text."""

    text: str


class ReasoningSealed(Struct, frozen=True):
    """The reasoning since the last one of these is a whole block (its text may be empty), and this belongs to it."""

    carried: Carried


class CallReady(Struct, frozen=True):
    """A tool call is complete. `call.arguments` is the model's text, valid JSON or not; ids are unique in the stream."""

    call: ToolCall


class UsageReported(Struct, frozen=True):
    """Token counts of this call; the last one counts."""

    usage: Usage


class Finished(Struct, frozen=True):
    """The model ended its answer. Exactly one, and last, in a stream that did not raise."""

    reason: FinishReason


class Waiting(Struct, frozen=True):
    """The request will be sent in `delay` seconds, as attempt `attempt` of `attempts`. `partial`: what came of the answer so
    far is superseded, the next attempt begins it anew."""

    attempt: int
    attempts: int
    delay: float
    reason: str
    partial: bool = False


class Rerouted(Struct, frozen=True):
    """Another route answers this call than was asked: whose, which model, and why. Before anything of the answer."""

    provider: str
    model: str
    reason: str


ModelEvent = TextDelta | ReasoningDelta | ReasoningSealed | CallReady | UsageReported | Finished | Waiting | Rerouted
