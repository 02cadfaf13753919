"""A model request as the body of a Chat Completions request.

The same request gives the same bytes, and `messages` comes last: when a step only appends messages, everything sent
before is a prefix of the new body, so that provider caches hit. Nothing here may depend on time or order of sets.
"""

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
from codewhale.domain.records import ToolCall
from codewhale.llm.dialects import chat_wire as wire
from codewhale.llm.dialects.calls import is_object
from codewhale.llm.profiles import Replay
from codewhale.llm.quirks import Quirks


def encode(request: ModelRequest, quirks: Quirks) -> bytes:
    """The body. Equal requests give equal bytes."""
    effort = request.effort or quirks.default_effort
    body: dict[str, object] = {"model": request.model, "stream": True}
    if quirks.usage_in_stream:
        body["stream_options"] = {"include_usage": True}
    limit = quirks.limit(request.max_output_tokens)
    if limit is not None:
        body[quirks.output_field] = limit
    body.update(quirks.fields(request.effort))
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    replay = _replay(quirks, effort)
    messages: list[Struct] = [wire.SentText(role="system", content=request.system)] if request.system else []
    messages += [_message(message, replay, quirks) for message in request.messages]
    body["messages"] = messages
    return msgspec.json.encode(body)


def replayed_chars(request: ModelRequest, quirks: Quirks) -> int:
    """How many characters of earlier reasoning the body holds."""
    if _replay(quirks, request.effort or quirks.default_effort) == "none":
        return 0
    return sum(len(m.reasoning) for m in request.messages if isinstance(m, AssistantMessage))


def _replay(quirks: Quirks, effort: Effort | None) -> Replay:
    return "none" if effort == "off" else quirks.replay


def _tool(tool: ToolSpec) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _message(message: Message, replay: Replay, quirks: Quirks) -> Struct:
    match message:
        case UserMessage():
            return wire.SentText(role="user", content=message.text)
        case ToolMessage():
            return wire.SentResult(tool_call_id=message.call_id, content=message.text)
        case AssistantMessage():
            return _assistant(message, replay, quirks)


def _assistant(message: AssistantMessage, replay: Replay, quirks: Quirks) -> wire.SentAssistant:
    calls = [_call(call, quirks) for call in message.calls]
    reasoning = message.reasoning or (wire.REASONING_OMITTED if calls else "")
    return wire.SentAssistant(
        role="assistant",
        content=message.text if message.text or not calls else None,
        reasoning_content=(reasoning or None) if replay == "reasoning_content" else None,
        reasoning=(reasoning or None) if replay == "reasoning" else None,
        tool_calls=calls or None,
    )


def _call(call: ToolCall, quirks: Quirks) -> wire.SentCall:
    function = wire.SentFunction(name=call.name, arguments=_arguments(call.arguments))
    if call.signature is None or not quirks.call_signatures:
        return wire.SentCall(id=call.id, function=function)
    extra = wire.Extra(google=wire.GoogleExtra(thought_signature=call.signature))
    return wire.SentCall(id=call.id, function=function, extra_content=extra)


def _arguments(text: str) -> str:
    """Servers parse the arguments of the history and refuse the request when one is not a JSON object; the model still
    sees what it wrote."""
    return text if is_object(text) else msgspec.json.encode({"invalid_arguments": text}).decode()
