"""`validate_data`: whether a text or a file is valid JSON or TOML, and where it is not."""

from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.errors import ToolError
from codewhale.domain.lexical import structure_problem
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import blocking
from codewhale.workspace.text import decode

MOST_BYTES = 8 * 1024 * 1024
Format = Literal["json", "toml"]


class ValidateData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to check: one of `path` and `content`."""

    path: Annotated[str | None, Meta(description="File to check.")] = None
    content: Annotated[str | None, Meta(description="Text to check, instead of a file.")] = None
    format: Annotated[
        Literal["auto", "json", "toml"], Meta(description="auto goes by the file's ending, else tries both.")
    ] = "auto"


class _Invalid(Exception):
    pass


async def run(args: ValidateData, ctx: ToolContext) -> ToolOutput:
    """Valid or not is an answer; what cannot be read at all is an error."""
    if (args.path is None) == (args.content is None):
        raise ToolError("Give either `path` or `content`.", category="invalid_input")
    text = args.content
    if text is None:
        assert args.path is not None
        path = args.path
        text = await blocking(lambda _: decode(ctx.files.read(path, MOST_BYTES).content, path).text)
    given = text
    return await blocking(lambda _: _checked(given, _formats(args)))


def _formats(args: ValidateData) -> tuple[Format, ...]:
    if args.format != "auto":
        return (args.format,)
    ending = (args.path or "").rpartition(".")[2].lower()
    return ("json",) if ending == "json" else ("toml",) if ending == "toml" else ("json", "toml")


def _checked(text: str, formats: tuple[Format, ...]) -> ToolOutput:
    problems: list[str] = []
    for form in formats:
        try:
            value = _json(text) if form == "json" else _toml(text)
        except _Invalid as problem:
            problems.append(f"Not valid {form.upper()}: {problem}.")
        else:
            return ToolOutput(text=f"Valid {form.upper()}: {_said(value)}.", metadata={"valid": True, "format": form})
    return ToolOutput(text="\n".join(problems), metadata={"valid": False, "format": None})


def _json(text: str) -> object:
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise _Invalid(_placed(text, str(error))) from None
    problem = structure_problem(text)
    if problem is not None:
        raise _Invalid(problem)
    return value


def _toml(text: str) -> object:
    import tomllib  # noqa: PLC0415 - few calls need it

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _Invalid(str(error)) from None


def _placed(text: str, problem: str) -> str:
    """The decoder counts bytes; people count lines."""
    said, found, place = problem.partition("(byte ")
    if not found:
        return problem
    before = text.encode()[: int(place.rstrip(")"))].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return f"{said.strip()} (line {line}, column {column})"


def _said(value: object) -> str:
    if isinstance(value, dict):
        keys = list(cast("dict[str, object]", value))
        return f"an object with {len(keys)} keys" + (f" ({', '.join(keys[:20])})" if keys else "")
    if isinstance(value, list):
        return f"a list of {len(cast('list[object]', value))} values"
    return f"a {type(value).__name__}" if value is not None else "null"


TOOLS = (
    Tool(
        name="validate_data",
        description="Check whether a file or a text is valid JSON or TOML. Says where it is not, and names fields given twice.",
        arguments=ValidateData,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
        paths=lambda args: [Touch(path=args.path)] if args.path is not None else [],
        describe=lambda args: f"Check {shown(args.path)}" if args.path else "Check a text",
    ),
)
