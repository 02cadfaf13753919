"""`handle_read`: a slice of a value that is kept outside of the conversation. A handle is the name of an earlier output; its
value is text, or what the text is as JSON."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.kept_outputs import ReadOutput
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext


class Slice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece from `start` to before `end`, counted from 0; negative ends count from the back."""

    start: int = 0
    end: int | None = None
    unit: Literal["chars", "lines"] = "chars"


class Range(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines from `start` to `end`, counted from 1, both included."""

    start: Annotated[int, Meta(ge=1)]
    end: Annotated[int, Meta(ge=1)]


class Handle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A handle as an object."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    session: Annotated[str, Meta(max_length=64)] = "output"


class HandleRead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which value, and exactly one way to look at it."""

    handle: Annotated[
        Annotated[str, Meta(min_length=1, max_length=300)] | Handle,
        Meta(description='"output/<call id>", or an object with that name.'),
    ]
    slice: Slice | None = None
    range: Annotated[Range | None, Meta(description="Lines from 1, both ends included.")] = None
    count: Annotated[bool, Meta(description="Only how large the value is.")] = False
    jsonpath: Annotated[str | None, Meta(description="Path such as $.items[0].name; the value must be JSON.")] = None
    max_chars: Annotated[int, Meta(ge=1, le=50_000)] = 12_000


async def run(args: HandleRead, ctx: ToolContext) -> ToolOutput:
    """The part that was asked for, cut at `max_chars`."""
    ways = [args.slice is not None, args.range is not None, args.count, args.jsonpath is not None]
    if sum(ways) != 1:
        raise ToolError("Give exactly one of `slice`, `range`, `count` and `jsonpath`.", category="invalid_input")
    kept = await ctx.ask(ReadOutput(ref=_ref(args.handle)))
    part = _part(args, kept.text)
    cut = len(part) > args.max_chars
    text = f"{part[: args.max_chars]}\n[{len(part) - args.max_chars} more characters]" if cut else part
    return ToolOutput(text=text, metadata={"call_id": kept.call_id, "chars": len(part), "truncated": cut})


def _ref(handle: str | Handle) -> str:
    session, found, name = handle.partition("/") if isinstance(handle, str) else (handle.session, "/", handle.name)
    if not found:
        return session
    if session != "output":
        raise ToolError(
            f"There is no session {session[:64]!r} with values here; earlier outputs are output/<call id>.",
            category="invalid_input",
        )
    return name


def _part(args: HandleRead, text: str) -> str:
    if args.slice is not None:
        start, end = args.slice.start, args.slice.end
        return text[start:end] if args.slice.unit == "chars" else "".join(text.splitlines(keepends=True)[start:end])
    if args.range is not None:
        return "".join(text.splitlines(keepends=True)[args.range.start - 1 : args.range.end])
    if args.jsonpath is not None:
        from codewhale.workspace.web.jsonpath import picked  # noqa: PLC0415 - few calls need it

        return _json(picked(_document(text), args.jsonpath))
    return _counted(text)


def _document(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ToolError(f"The value is not JSON ({error}); use slice or range.", category="invalid_input") from None


def _counted(text: str) -> str:
    counts: dict[str, object] = {"chars": len(text), "lines": len(text.splitlines())}
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError:  # plain text has no items
        value = None
    if isinstance(value, dict | list):
        counts["items"] = len(value)  # pyright: ignore[reportUnknownArgumentType]
    return _json(counts)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


TOOLS = (
    Tool(
        name="handle_read",
        description=(
            "Look into an earlier output of this conversation by position or JSONPath: exactly one of slice, range, count, "
            "jsonpath. For searching in it use retrieve_tool_result."
        ),
        arguments=HandleRead,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
    ),
)
