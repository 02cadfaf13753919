"""A model request as the body of a Chat Completions request.

The same request gives the same bytes, and `messages` comes last: when a step only appends messages, everything sent
before is a prefix of the new body, so that provider caches hit. Nothing here may depend on time or order of sets.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from codewhale.domain.messages import (
    AssistantMessage,
    Effort,
    Message,
    ModelRequest,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from codewhale.llm.dialects import chat_wire as wire
from codewhale.llm.dialects.calls import is_object
from codewhale.llm.profiles import Replay

REASONING_OMITTED = "(reasoning omitted)"


class ChatQuirks(Struct, frozen=True, kw_only=True):
    """How one endpoint wants its requests; all of it comes from profiles and settings. `effort` gives the fields to add
    to the body per effort; `max_output` is sent when the request does not ask for less."""

    max_output: int | None = None
    output_field: str = "max_tokens"
    usage_in_stream: bool = True
    default_effort: Effort | None = None
    effort: Mapping[Effort, Mapping[str, object]] = {}
    replay: Replay = "none"


def encode(request: ModelRequest, quirks: ChatQuirks) -> bytes:
    """The body. Equal requests give equal bytes."""
    effort = request.effort or quirks.default_effort
    body: dict[str, object] = {"model": request.model, "stream": True}
    if quirks.usage_in_stream:
        body["stream_options"] = {"include_usage": True}
    limits = [n for n in (request.max_output_tokens, quirks.max_output) if n is not None]
    if limits:
        body[quirks.output_field] = min(limits)
    if effort is not None:
        body.update(quirks.effort.get(effort, {}))
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    replay = _replay(quirks, effort)
    messages: list[Struct] = [wire.SentText(role="system", content=request.system)] if request.system else []
    messages += [_message(message, replay) for message in request.messages]
    body["messages"] = messages
    return msgspec.json.encode(body)


def replayed_chars(request: ModelRequest, quirks: ChatQuirks) -> int:
    """How many characters of earlier reasoning the body holds."""
    if _replay(quirks, request.effort or quirks.default_effort) == "none":
        return 0
    return sum(len(m.reasoning) for m in request.messages if isinstance(m, AssistantMessage))


def _replay(quirks: ChatQuirks, effort: Effort | None) -> Replay:
    return "none" if effort == "off" else quirks.replay


def _tool(tool: ToolSpec) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _message(message: Message, replay: Replay) -> Struct:
    match message:
        case UserMessage():
            return wire.SentText(role="user", content=message.text)
        case ToolMessage():
            return wire.SentResult(tool_call_id=message.call_id, content=message.text)
        case AssistantMessage():
            return _assistant(message, replay)


def _assistant(message: AssistantMessage, replay: Replay) -> wire.SentAssistant:
    calls = [
        wire.SentCall(id=c.id, function=wire.SentFunction(name=c.name, arguments=_arguments(c.arguments)))
        for c in message.calls
    ]
    reasoning = message.reasoning or (REASONING_OMITTED if calls else "")
    return wire.SentAssistant(
        role="assistant",
        content=message.text if message.text or not calls else None,
        reasoning_content=(reasoning or None) if replay == "reasoning_content" else None,
        reasoning=(reasoning or None) if replay == "reasoning" else None,
        tool_calls=calls or None,
    )


def _arguments(text: str) -> str:
    """Servers parse the arguments of the history and refuse the request when one is not a JSON object; the model still
    sees what it wrote."""
    return text if is_object(text) else msgspec.json.encode({"invalid_arguments": text}).decode()
