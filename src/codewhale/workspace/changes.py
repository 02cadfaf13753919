"""What a writing tool reports: a short sentence for the model, the diff and the counts for people and programs."""

from codewhale.domain.tools import ToolOutput
from codewhale.workspace.diff import Diff, unified


def changed(said: str, path: str, before: str | None, after: str | None, **more: object) -> ToolOutput:
    """The output of a tool that changed one file from `before` (None: it did not exist) to `after`."""
    diff = unified(path, before, after)
    return ToolOutput(
        text=said,
        metadata={"path": path, **diff_fields(diff), "created": before is None, **more, "touched_files": [path]},
    )


def diff_fields(diff: Diff) -> dict[str, object]:
    fields: dict[str, object] = {"diff": diff.text, "added": diff.added, "removed": diff.removed}
    if diff.cut:
        fields["diff_truncated"] = True
    return fields
