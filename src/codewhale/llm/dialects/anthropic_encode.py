"""A model request as the body of an Anthropic Messages request.

Equal requests give equal bytes, in cache order: tools, system, messages. Up to four places are marked for the provider's
cache: the last tool, the system text, and the ends of the last two user messages; the marks are no part of what is cached.
Roles alternate: results and what a person said between two answers make one message.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import cast

import msgspec

from codewhale.domain.messages import AssistantMessage, Message, ModelRequest, ToolMessage, ToolSpec, UserMessage
from codewhale.llm.dialects.calls import is_object
from codewhale.llm.dialects.seals import replayable
from codewhale.llm.quirks import Quirks

DIALECT = "anthropic"
DEFAULT_OUTPUT = 8192
LEAST_BUDGET = 1024
MARKED_MESSAGES = 2
NOTHING_SAID = "(empty)"
MARK = {"type": "ephemeral"}

Json = dict[str, object]


def encode(request: ModelRequest, quirks: Quirks) -> bytes:
    """The body. Equal requests give equal bytes."""
    limit = quirks.limit(request.max_output_tokens) or DEFAULT_OUTPUT
    body: Json = {"model": request.model, "max_tokens": limit, "stream": True}
    body.update(_fitting(quirks.fields(request.effort), limit, request))
    if request.tools:
        tools = [_tool(tool) for tool in request.tools]
        _mark(tools[-1], quirks)
        body["tools"] = tools
    if request.system.strip():
        system: Json = {"type": "text", "text": request.system}
        _mark(system, quirks)
        body["system"] = [system]
    messages = _messages(request)
    for message in [m for m in messages if m["role"] == "user"][-MARKED_MESSAGES:]:
        _mark(cast("list[Json]", message["content"])[-1], quirks)
    body["messages"] = messages
    return msgspec.json.encode(body)


def wire_id(ident: str) -> str:
    """The id as this dialect takes it: letters, digits, `_` and `-`, at most 64. Other ids become a digest of themselves."""
    plain = ident.isascii() and all(c.isalnum() or c in "_-" for c in ident)
    return ident if plain and 0 < len(ident) <= 64 else f"id-{blake2b(ident.encode(), digest_size=15).hexdigest()}"


def _fitting(fields: Json, limit: int, request: ModelRequest) -> Json:
    """A thinking budget has to be below the output limit, and is refused in the middle of tool use that began without
    thinking: then it is left out."""
    thinking = fields.get("thinking")
    if not isinstance(thinking, dict) or "budget_tokens" not in thinking:
        return fields
    budget = min(cast("int", thinking["budget_tokens"]), limit // 2)
    if budget < LEAST_BUDGET or not _thought_before(request):
        return {name: value for name, value in fields.items() if name != "thinking"}
    return {**fields, "thinking": {**cast("Json", thinking), "budget_tokens": budget}}


def _thought_before(request: ModelRequest) -> bool:
    """Whether the tool use under way, if one is, has its thinking."""
    last = request.messages[-1] if request.messages else None
    if not isinstance(last, ToolMessage):
        return True
    answer = next((m for m in reversed(request.messages) if isinstance(m, AssistantMessage)), None)
    return answer is not None and bool(replayable(answer, DIALECT, request.model))


def _mark(block: Json, quirks: Quirks) -> None:
    if quirks.caching and block.get("type") not in ("thinking", "redacted_thinking"):
        block["cache_control"] = MARK


def _tool(tool: ToolSpec) -> Json:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}


def _messages(request: ModelRequest) -> list[Json]:
    found: list[Json] = []
    for role, blocks in _blocks(request.messages, request.model):
        if found and found[-1]["role"] == role:
            cast("list[Json]", found[-1]["content"]).extend(blocks)
        else:
            found.append({"role": role, "content": list(blocks)})
    if not found or found[0]["role"] != "user":
        found.insert(0, {"role": "user", "content": [_text(NOTHING_SAID)]})
    return found


def _blocks(messages: Sequence[Message], model: str) -> Iterable[tuple[str, list[Json]]]:
    for message in messages:
        match message:
            case UserMessage():
                yield "user", [_text(message.text if message.text.strip() else NOTHING_SAID)]
            case ToolMessage():
                yield "user", [_result(message)]
            case AssistantMessage():
                yield "assistant", _said(message, model)


def _said(message: AssistantMessage, model: str) -> list[Json]:
    blocks: list[Json] = []
    done = 0
    for block in replayable(message, DIALECT, model):
        if message.text[done : block.at].strip():
            blocks.append(_text(message.text[done : block.at]))
        done = max(done, block.at)
        blocks.append(_thought(block.text, block.carried.data))
    if message.text[done:].strip():
        blocks.append(_text(message.text[done:]))
    blocks += [
        {"type": "tool_use", "id": wire_id(call.id), "name": call.name, "input": _input(call.arguments)}
        for call in message.calls
    ]
    return blocks or [_text(NOTHING_SAID)]


def _thought(text: str, data: str) -> Json:
    """A block of thinking is carried as its signature, one that only the provider can read as an object with its data."""
    if data.startswith("{"):
        return {"type": "redacted_thinking", "data": msgspec.json.decode(data, type=dict[str, str])["data"]}
    return {"type": "thinking", "thinking": text, "signature": data}


def _result(message: ToolMessage) -> Json:
    result: Json = {"type": "tool_result", "tool_use_id": wire_id(message.call_id)}
    if message.text.strip():
        result["content"] = message.text
    return result


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _input(arguments: str) -> object:
    return msgspec.Raw(arguments.encode()) if is_object(arguments) else {"invalid_arguments": arguments}
