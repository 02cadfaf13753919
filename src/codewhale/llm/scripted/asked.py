"""What a client asked, in one shape for both doors: a Chat Completions body or a `ModelRequest`.

Reading is typed: a body of the wrong shape is an `InvalidInput` with the path of what is wrong.
"""

from hashlib import blake2b
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from codewhale.domain.errors import InvalidInput
from codewhale.domain.messages import AssistantMessage, Message, ModelRequest, UserMessage
from codewhale.domain.records import ToolCall

T = TypeVar("T")


class Said(Struct, frozen=True, kw_only=True):
    """One message. `text` is None when it had no content; `plain` is false when its content was not a string."""

    role: str
    text: str | None = None
    plain: bool = True
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


class Asked(Struct, frozen=True, kw_only=True):
    """A request: the whole conversation, the tools it offers, and `key`, equal for repeats of the same request."""

    model: str
    said: tuple[Said, ...]
    tools: tuple[str, ...] = ()
    stream: bool = True
    include_usage: bool = True
    key: bytes = b""

    @property
    def steps(self) -> int:
        """Answers of the model so far."""
        return sum(said.role == "assistant" for said in self.said)

    @property
    def result(self) -> str:
        """The last tool result, or nothing."""
        return next((said.text or "" for said in reversed(self.said) if said.role == "tool"), "")

    @property
    def results(self) -> list[str]:
        """The tool results since the last answer, if nothing else came after them."""
        found: list[str] = []
        for said in reversed(self.said):
            if said.role != "tool":
                break
            found.append(said.text or "")
        return found

    @property
    def characters(self) -> int:
        """The length of what was said, without the system text: that names places of the machine, and a log made with a
        script should be the same everywhere."""
        talk = [said for said in self.said if said.role not in ("system", "developer")]
        return sum(len(said.text or "") + sum(len(call.arguments) for call in said.calls) for said in talk)


class _Function(Struct):
    name: str
    arguments: str


class _Call(Struct):
    id: str
    function: _Function
    type: str = "function"


class _Message(Struct):
    role: str
    content: Raw = Raw()
    tool_calls: tuple[_Call, ...] | None = None
    tool_call_id: str | None = None


class _ToolFunction(Struct):
    name: str
    parameters: dict[str, object] | None = None


class _Tool(Struct):
    function: _ToolFunction
    type: str = "function"


class _StreamOptions(Struct):
    include_usage: bool = False


class _Body(Struct):
    model: str
    messages: tuple[_Message, ...]
    tools: tuple[_Tool, ...] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


class _Part(Struct):
    text: str = ""


def decoded(body: bytes, shape: type[T]) -> T:
    """The body in its typed shape. `InvalidInput` says what is wrong and where."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error).replace("`$.", "`")) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}") from error


def read_body(body: bytes) -> Asked:
    """The request in a Chat Completions body. `InvalidInput` says what is wrong and where."""
    given = decoded(body, _Body)
    return Asked(
        model=given.model,
        said=tuple(_said(message) for message in given.messages),
        tools=tuple(tool.function.name for tool in given.tools or ()),
        stream=bool(given.stream),
        include_usage=given.stream_options is not None and given.stream_options.include_usage,
        key=blake2b(body, digest_size=16).digest(),
    )


def read_request(request: ModelRequest) -> Asked:
    """The same for a request inside the process."""
    system = (Said(role="system", text=request.system),) if request.system else ()
    return Asked(
        model=request.model,
        said=(*system, *(_from_message(message) for message in request.messages)),
        tools=tuple(tool.name for tool in request.tools),
        key=blake2b(msgspec.json.encode(request), digest_size=16).digest(),
    )


def _said(message: _Message) -> Said:
    text, plain = _content(message.content)
    calls = message.tool_calls or ()
    return Said(
        role=message.role,
        text=text,
        plain=plain,
        calls=tuple(ToolCall(id=c.id, name=c.function.name, arguments=c.function.arguments) for c in calls),
        call_id=message.tool_call_id,
    )


def _content(raw: Raw) -> tuple[str | None, bool]:
    """(text, whether it was a plain string or absent); of a list of parts the text parts."""
    if not bytes(raw) or bytes(raw) == b"null":
        return None, True
    try:
        value = msgspec.json.decode(raw, type=str | list[_Part])
    except msgspec.ValidationError:
        return "", False
    return (value, True) if isinstance(value, str) else ("".join(part.text for part in value), False)


def _from_message(message: Message) -> Said:
    if isinstance(message, UserMessage):
        return Said(role="user", text=message.text)
    if isinstance(message, AssistantMessage):
        return Said(role="assistant", text=message.text or None, calls=message.calls)
    return Said(role="tool", text=message.text, call_id=message.call_id)
