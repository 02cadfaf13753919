"""How tools keep a text whole and show a part of it: as an artifact of the task, if there is one, and as an output that
`retrieve_tool_result` reads. No tool itself.
"""

import msgspec
from msgspec import Struct

from codewhale.domain.kept_outputs import KEPT, KeepText, Kept
from codewhale.tools.tool import ToolContext


class Keeping(Struct, kw_only=True):
    """The texts that one call keeps."""

    kept: list[Kept] = msgspec.field(default_factory=list[Kept])
    labels: list[str] = msgspec.field(default_factory=list[str])

    async def keep(self, ctx: ToolContext, name: str, text: str, label: str) -> Kept:
        """Keep it under this name; people see the label."""
        kept = await ctx.ask(KeepText(name=name, text=text))
        self.kept.append(kept)
        self.labels.append(label)
        return kept

    def metadata(self, **updates: object) -> dict[str, object]:
        """What the call's result says of the texts, and to its task besides."""
        told = {name: value for name, value in updates.items() if value is not None}
        if self.kept:
            told["artifacts"] = [
                {"label": label, "path": one.path, "summary": f"{one.note.bytes:,} bytes"}
                for label, one in zip(self.labels, self.kept, strict=True)
            ]
        metadata: dict[str, object] = {"task_updates": told} if told else {}
        if self.kept:
            metadata[KEPT] = [msgspec.to_builtins(one.note) for one in self.kept]
        return metadata
