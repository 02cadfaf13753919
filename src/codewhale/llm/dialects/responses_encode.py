"""A model request as the body of an OpenAI Responses request, with nothing kept at the provider.

Equal requests give equal bytes, and `input` comes last, so that what a step appends leaves everything before it as it was.
Reasoning goes back as the items in which it came, readable to the provider alone.
"""

from collections.abc import Iterable

import msgspec

from codewhale.domain.messages import AssistantMessage, Message, ModelRequest, ToolMessage, ToolSpec, UserMessage
from codewhale.llm.dialects.calls import is_object
from codewhale.llm.dialects.seals import replayable
from codewhale.llm.quirks import Quirks

DIALECT = "responses"
Json = dict[str, object]


def encode(request: ModelRequest, quirks: Quirks) -> bytes:
    """The body. Equal requests give equal bytes."""
    body: Json = {"model": request.model, "stream": True, "store": False}
    if quirks.replay == "sealed":
        body["include"] = ["reasoning.encrypted_content"]
    limit = quirks.limit(request.max_output_tokens)
    if limit is not None:
        body["max_output_tokens"] = max(limit, 16)
    body.update(quirks.fields(request.effort))
    if request.system:
        body["instructions"] = request.system
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    body["input"] = [item for message in request.messages for item in _items(message, request.model)]
    return msgspec.json.encode(body)


def _tool(tool: ToolSpec) -> Json:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": False,
    }


def _items(message: Message, model: str) -> Iterable[object]:
    match message:
        case UserMessage():
            yield {"type": "message", "role": "user", "content": message.text}
        case ToolMessage():
            yield {"type": "function_call_output", "call_id": message.call_id, "output": message.text}
        case AssistantMessage():
            yield from _said(message, model)


def _said(message: AssistantMessage, model: str) -> Iterable[object]:
    done = 0
    for block in replayable(message, DIALECT, model):
        if message.text[done : block.at]:
            yield _spoken(message.text[done : block.at])
        done = max(done, block.at)
        yield msgspec.Raw(block.carried.data.encode())
    if message.text[done:]:
        yield _spoken(message.text[done:])
    for call in message.calls:
        arguments = call.arguments
        if not is_object(arguments):
            arguments = msgspec.json.encode({"invalid_arguments": arguments}).decode()
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _spoken(text: str) -> Json:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
