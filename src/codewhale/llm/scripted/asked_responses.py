"""What a client asked in an OpenAI Responses body, in the shape that all doors share, and what that API would refuse."""

from hashlib import blake2b

from msgspec import Struct

from codewhale.domain.records import ToolCall
from codewhale.llm.scripted.asked import Asked, Said, decoded


class _Part(Struct):
    type: str
    text: str = ""


class _Item(Struct):
    type: str = "message"
    role: str | None = None
    content: str | list[_Part] | None = None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    summary: list[_Part] | None = None
    encrypted_content: str | None = None


class _Tool(Struct):
    name: str
    type: str
    parameters: dict[str, object] | None = None


class _Body(Struct):
    model: str
    input: tuple[_Item, ...]
    instructions: str | None = None
    tools: tuple[_Tool, ...] = ()
    stream: bool = False
    store: bool = True


def read_body(body: bytes) -> Asked:
    """The request in a Responses body. `InvalidInput` says what is wrong and where."""
    given = decoded(body, _Body)
    said = [Said(role="system", text=given.instructions)] if given.instructions else []
    answer: _Answer | None = None
    for item in given.input:
        one = _other(item)
        if one is None:
            answer = answer or _Answer()
            answer.take(item)
            continue
        said += [*([answer.said()] if answer is not None else []), one]
        answer = None
    if answer is not None:
        said.append(answer.said())
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
    if given.store:
        return "this server keeps nothing: store must be false"
    for item in given.input:
        if item.type == "reasoning":
            text = "".join(part.text for part in item.summary or ())
            if item.encrypted_content != encrypted(text):
                return f"the encrypted content of item {item.id!r} could not be verified"
    return None


def encrypted(reasoning: str) -> str:
    """Reasoning as only the scripted model can read it."""
    return f"enc-{blake2b(reasoning.encode(), digest_size=16).hexdigest()}"


class _Answer(Struct):
    """Items that one answer of the model gave."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()

    def take(self, item: _Item) -> None:
        if item.type == "function_call":
            call = ToolCall(id=item.call_id or "", name=item.name or "", arguments=item.arguments or "")
            self.calls = (*self.calls, call)
        elif item.type == "message":
            self.text += _text(item)

    def said(self) -> Said:
        return Said(role="assistant", text=self.text or None, calls=self.calls)


def _other(item: _Item) -> Said | None:
    """What is not the model's: a message of somebody else, or a result."""
    if item.type == "function_call_output":
        return Said(role="tool", text=item.output, call_id=item.call_id)
    if item.type == "message" and item.role != "assistant":
        return Said(role=item.role or "user", text=_text(item))
    return None


def _text(item: _Item) -> str:
    content = item.content
    return content if isinstance(content, str) else "".join(part.text for part in content or ())
