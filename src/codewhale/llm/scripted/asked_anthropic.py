"""What a client asked in an Anthropic Messages body, in the shape that all doors share, and what that API would refuse."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

from msgspec import Raw, Struct

from codewhale.domain.records import ToolCall
from codewhale.llm.scripted.asked import Asked, Said, decoded

MOST_MARKS = 4
MOST_ID = 64


class _Block(Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    tool_use_id: str | None = None
    content: str | list["_Block"] | None = None
    cache_control: dict[str, str] | None = None


class _Message(Struct):
    role: Literal["user", "assistant"]
    content: str | list[_Block]


class _Tool(Struct):
    name: str
    input_schema: dict[str, object]
    cache_control: dict[str, str] | None = None


class _Body(Struct):
    model: str
    max_tokens: int
    messages: tuple[_Message, ...]
    system: str | list[_Block] = ""
    tools: tuple[_Tool, ...] = ()
    stream: bool = False


def read_body(body: bytes) -> Asked:
    """The request in a Messages body. `InvalidInput` says what is wrong and where."""
    given = decoded(body, _Body)
    system = given.system if isinstance(given.system, str) else "".join(block.text or "" for block in given.system)
    said = [Said(role="system", text=system)] if system else []
    said += [one for message in given.messages for one in _said(message)]
    return Asked(
        model=given.model,
        said=tuple(said),
        tools=tuple(tool.name for tool in given.tools),
        stream=given.stream,
        key=blake2b(body, digest_size=16).digest(),
    )


def complaint(body: bytes) -> str | None:
    """What this API refuses beyond what every API does, or None."""
    given = decoded(body, _Body)
    if given.max_tokens < 1:
        return "max_tokens must be at least 1"
    for before, after in zip((None, *given.messages), given.messages, strict=False):
        if before is None and after.role != "user":
            return "the first message must be from user"
        if before is not None and before.role == after.role:
            return "roles must alternate"
    marks = sum(one.cache_control is not None for one in (*given.tools, *_all_blocks(given)))
    if marks > MOST_MARKS:
        return f"{marks} blocks are marked for the cache; at most {MOST_MARKS} may be"
    return next((wrong for wrong in map(_wrong, _all_blocks(given)) if wrong is not None), None) or _order(given)


def signature(thinking: str) -> str:
    """What the scripted model signs its thinking with."""
    return f"sig-{blake2b(thinking.encode(), digest_size=16).hexdigest()}"


def sealed(thinking: str) -> str:
    """Thinking that only the scripted model can read."""
    return f"red-{thinking.encode().hex()}"


def _said(message: _Message) -> Iterator[Said]:
    if isinstance(message.content, str):
        yield Said(role=message.role, text=message.content)
        return
    for block in message.content:
        if block.type == "tool_result":
            text = (
                block.content if isinstance(block.content, str) else "".join(b.text or "" for b in block.content or ())
            )
            yield Said(role="tool", text=text, call_id=block.tool_use_id)
    texts = [block.text or "" for block in message.content if block.type == "text"]
    if message.role == "assistant":
        calls = tuple(_call(block) for block in message.content if block.type == "tool_use")
        yield Said(role="assistant", text="".join(texts) or None, calls=calls)
    elif texts:
        yield Said(role="user", text="\n".join(texts))


def _call(block: _Block) -> ToolCall:
    return ToolCall(id=block.id or "", name=block.name or "", arguments=bytes(block.input).decode())


def _all_blocks(given: _Body) -> list[_Block]:
    system = given.system if isinstance(given.system, list) else []
    return [*system, *(b for m in given.messages if isinstance(m.content, list) for b in m.content)]


def _wrong(block: _Block) -> str | None:
    match block.type:
        case "text" if not (block.text or "").strip():
            return "text content blocks must hold more than white space"
        case "thinking" if block.signature != signature(block.thinking or ""):
            return "Invalid `signature` in `thinking` block"
        case "redacted_thinking" if not (block.data or "").startswith("red-"):
            return "Invalid `data` in `redacted_thinking` block"
        case "tool_use" | "tool_result":
            ident = (block.id if block.type == "tool_use" else block.tool_use_id) or ""
            plain = ident.isascii() and ident.replace("_", "a").replace("-", "a").isalnum()
            return (
                None
                if plain and len(ident) <= MOST_ID
                else f"the id {ident[:80]!r} has other characters or is too long"
            )
        case _:
            return None


def _order(given: _Body) -> str | None:
    """In a user message results come first."""
    for message in given.messages:
        if message.role == "user" and isinstance(message.content, list):
            results = [block.type == "tool_result" for block in message.content]
            if results != sorted(results, reverse=True):
                return "tool_result blocks must come first in a message"
    return None
