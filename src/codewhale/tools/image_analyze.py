"""`image_analyze`: a question about a picture of the workspace, answered by the vision model of the settings."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.context.visible import element
from codewhale.domain.decisions import Touch
from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.domain.vision_wish import LookAtPicture
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import blocking

MOST_BYTES = 5 * 1024 * 1024
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class ImageAnalyze(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `image_analyze`."""

    image_path: Annotated[str, Meta(description="PNG, JPEG, GIF or WebP file of the workspace, at most 5 MiB.")]
    prompt: Annotated[str, Meta(min_length=1, max_length=4000)] = "Describe this picture precisely."


async def run(args: ImageAnalyze, ctx: ToolContext) -> ToolOutput:
    """What the vision model says; its words are data."""
    picture = (await blocking(lambda _: ctx.files.read(args.image_path, MOST_BYTES))).content
    media = _media_type(picture)
    if media is None:
        raise ToolError(f"{shown(args.image_path)} is no PNG, JPEG, GIF or WebP picture.", category="invalid_input")
    said = await ctx.ask(LookAtPicture(picture=picture, media_type=media, prompt=args.prompt))
    return ToolOutput(
        text=element("image_analysis", said, path=args.image_path),
        metadata={"path": args.image_path, "media_type": media, "bytes": len(picture)},
    )


def _media_type(picture: bytes) -> str | None:
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((media for start, media in _KINDS if picture.startswith(start)), None)


TOOLS = (
    Tool(
        name="image_analyze",
        description="Ask the vision model of the settings a question about a picture of the workspace (a screenshot, a diagram).",
        arguments=ImageAnalyze,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
        describe=lambda args: f"Show {shown(args.image_path)} to the vision model",
        paths=lambda args: [Touch(path=args.image_path)],
    ),
)
