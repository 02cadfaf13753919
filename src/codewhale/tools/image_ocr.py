"""`image_ocr`: the text in a picture, read by tesseract. The program gets the bytes, never the path."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import blocking
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import Command

MOST_BYTES = 20 * 1024 * 1024
SECONDS = 60.0
_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM", b"GIF8", b"RIFF")


class ImageOcr(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which picture."""

    path: Annotated[str, Meta(description="PNG, JPEG, TIFF, BMP, GIF or WebP file of the workspace.")]


async def run(args: ImageOcr, ctx: ToolContext) -> ToolOutput:
    """Its text, with the program's own line ends."""
    tesseract = ctx.processes.find("tesseract")
    if tesseract is None:
        raise ToolError("tesseract is not installed on this machine.", category="not_available")
    image = (await blocking(lambda _: ctx.files.read(args.path, MOST_BYTES))).content
    if not image.startswith(_STARTS):
        raise ToolError(f"{shown(args.path)} is no picture that can be read.", category="invalid_input")
    result = await ctx.processes.run(
        Command(argv=(tesseract, "stdin", "stdout"), cwd=ctx.files.root, timeout=SECONDS, stdin=image)
    )
    if result.timed_out:
        raise ToolError(f"tesseract needed more than {SECONDS:.0f} seconds and was stopped.", category="timeout")
    if result.exit_code != 0:
        said = plain(result.stderr.text).strip().splitlines()
        raise ToolError(
            f"tesseract could not read {shown(args.path)}: {said[-1][:200] if said else 'no reason given'}."
        )
    text = plain(result.stdout.text).strip()
    return ToolOutput(
        text=f'<image_ocr path="{shown(args.path)}">\n{text or "(no text was found)"}\n</image_ocr>',
        metadata={"path": args.path, "backend": "tesseract", "chars": len(text)},
    )


TOOLS = (
    Tool(
        name="image_ocr",
        description="Read the text in a picture of the workspace (a screenshot, a scan).",
        arguments=ImageOcr,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
        paths=lambda args: [Touch(path=args.path)],
        describe=lambda args: f"Read the text in {shown(args.path)}",
    ),
)
