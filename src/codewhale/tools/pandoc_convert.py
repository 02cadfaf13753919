"""`pandoc_convert`: a document of the workspace in another format. pandoc reads from stdin, writes to stdout and is told to
reach for nothing else; the file that comes out is written like any other."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import blocking
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import Command

Target = Literal["markdown", "gfm", "html", "latex", "plain", "rst", "org", "asciidoc", "docx", "odt", "epub"]
MOST_BYTES = 16 * 1024 * 1024
SHOWN_CHARS = 200_000
SECONDS = 120.0
_BINARY = frozenset({"docx", "odt", "epub"})
_ENDINGS = frozenset({"html", "rst", "org", "docx", "odt", "epub", "csv", "tsv", "ipynb", "rtf", "textile", "fb2"})
_READERS = {
    "md": "markdown",
    "markdown": "markdown",
    "txt": "markdown",
    "htm": "html",
    "tex": "latex",
    "wiki": "mediawiki",
}


class PandocConvert(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to convert into what."""

    source_path: Annotated[str, Meta(description="Document of the workspace; its ending says what it is.")]
    target_format: Target
    output_path: Annotated[str | None, Meta(description="File to write; needed for docx, odt and epub.")] = None


async def run(args: PandocConvert, ctx: ToolContext) -> ToolOutput:
    """The converted text, or the name of the file that was written."""
    pandoc = ctx.processes.find("pandoc")
    if pandoc is None:
        raise ToolError("pandoc is not installed on this machine.", category="not_available")
    reader = _reader(args)
    stamp = None
    if args.output_path is not None:
        ctx.files.check_writable(args.output_path)
        stamp = ctx.files.stamp(args.output_path)
    source = (await blocking(lambda _: ctx.files.read(args.source_path, MOST_BYTES))).content
    words = ("--sandbox", "--standalone", f"--from={reader}", f"--to={args.target_format}", "--output=-")
    converted = await _converted(ctx, Command(argv=(pandoc, *words), cwd=ctx.files.root), source)
    if args.output_path is None:
        return ToolOutput(text=plain(converted.decode("utf-8", "replace"))[:SHOWN_CHARS])
    path = args.output_path
    await blocking(lambda _: ctx.files.write(path, converted, stamp))
    return ToolOutput(
        text=f"Wrote {shown(path)}: {len(converted):,} bytes.", metadata={"path": path, "bytes": len(converted)}
    )


async def _converted(ctx: ToolContext, command: Command, source: bytes) -> bytes:
    """What pandoc writes, byte for byte."""
    import asyncio  # noqa: PLC0415 - few calls need it

    pieces: list[bytes] = []
    size = 0

    def hear(chunk: bytes) -> None:
        nonlocal size
        size += len(chunk)
        if size <= MOST_BYTES:
            pieces.append(chunk)

    talk = ctx.processes.converse(command, hear)
    try:
        talk.say_last(source)
        async with asyncio.timeout(SECONDS):
            await talk.ended()
    except TimeoutError:
        raise ToolError(f"pandoc needed more than {SECONDS:.0f} seconds and was stopped.", category="timeout") from None
    finally:
        talk.end()
    if not talk.ending.startswith("exit code 0"):
        raise ToolError(f"pandoc could not convert it: {plain(talk.ending)}.")
    if size > MOST_BYTES:
        raise ToolError(f"The result is larger than {MOST_BYTES:,} bytes; nothing was written.")
    return b"".join(pieces)


def _reader(args: PandocConvert) -> str:
    ending = args.source_path.rpartition(".")[2].lower()
    if ending not in _ENDINGS and ending not in _READERS:
        raise ToolError(
            f"What kind of document {shown(args.source_path)} is cannot be told from its name; known endings: "
            f"{', '.join(sorted(_ENDINGS | _READERS.keys()))}.",
            category="invalid_input",
        )
    if args.target_format in _BINARY and args.output_path is None:
        raise ToolError(f"{args.target_format} is not text: give `output_path`.", category="invalid_input")
    return _READERS.get(ending, ending)


def _touched(args: PandocConvert) -> list[Touch]:
    source = [Touch(path=args.source_path)]
    return source if args.output_path is None else [*source, Touch(path=args.output_path, write=True)]


def _describe(args: PandocConvert) -> str:
    into = f" to {shown(args.output_path)}" if args.output_path is not None else ""
    return f"Convert {shown(args.source_path)} into {args.target_format}{into}"


TOOLS = (
    Tool(
        name="pandoc_convert",
        description="Convert a document of the workspace (Markdown, HTML, docx, LaTeX, …) into another format with pandoc.",
        arguments=PandocConvert,
        effects=frozenset({"write"}),
        default="ask",
        run=run,
        paths=_touched,
        describe=_describe,
    ),
)
