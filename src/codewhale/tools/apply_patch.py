"""`apply_patch`: changes to several files that are all made or none."""

from contextlib import suppress
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import Stop, blocking
from codewhale.workspace.diff import MAX_DIFF, unified
from codewhale.workspace.files import MAX_FILE, Files
from codewhale.workspace.hunks import MAX_FUZZ
from codewhale.workspace.patch import FilePatch, parse_patch
from codewhale.workspace.patching import Draft, Plan


class FileContent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file and all that shall be in it."""

    path: Annotated[str, Meta(description="File to write, relative to the workspace.")]
    content: Annotated[str, Meta(description="The whole new content.")]


class ApplyPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either `patch` or `changes`."""

    patch: Annotated[
        Annotated[str, Meta(max_length=MAX_FILE)] | None,
        Meta(description="Unified diff of one or more files; /dev/null creates or deletes."),
    ] = None
    changes: Annotated[
        tuple[FileContent, ...] | None, Meta(description="Instead of `patch`: files with their whole new content.")
    ] = None
    path: Annotated[str | None, Meta(description="The file, for a patch of one file that does not name it.")] = None
    fuzz: Annotated[
        int, Meta(ge=0, le=MAX_FUZZ, description="Context lines that may differ at each end of a hunk (default 0).")
    ] = 0
    create_if_missing: Annotated[
        bool, Meta(description="Let hunks that only add lines create a file that does not exist.")
    ] = False


async def _run(args: ApplyPatch, context: ToolContext) -> ToolOutput:
    if (args.patch is None) == (args.changes is None):
        raise ToolError("Give either `patch` or `changes`, one of the two.", category="invalid_input")
    return await blocking(lambda stop: _apply(context.files, args, stop))


def _apply(files: Files, args: ApplyPatch, stop: Stop) -> ToolOutput:
    plan = Plan(files)
    if args.patch is not None:
        patches = parse_patch(args.patch, args.path)
        for patch in patches:
            plan.patch(patch, fuzz=args.fuzz, create_if_missing=args.create_if_missing)
    for change in args.changes or ():
        plan.content(change.path, change.content)
    drafts = plan.drafts
    files.write_all(plan.writes(), lambda: not stop)
    return _report(drafts, plan.renames)


def _report(drafts: list[Draft], renames: dict[str, str]) -> ToolOutput:
    summaries: list[dict[str, object]] = []
    diffs: list[str] = []
    room = MAX_DIFF
    for draft in drafts:
        diff = unified(draft.path, draft.before, draft.after, max(room, 0))
        room -= len(diff.text)
        diffs.append(diff.text)
        summaries.append(_summary(draft, diff.added, diff.removed, renames.get(draft.path)))
    fuzzes = [fuzz for draft in drafts for fuzz in draft.fuzz]
    touched = [draft.path for draft in drafts]
    result: dict[str, object] = {
        "success": True,
        "files_applied": len(drafts),
        "files_total": len(drafts),
        "hunks_applied": len(fuzzes),
        "hunks_total": len(fuzzes),
        "fuzz_used": max(fuzzes, default=0),
        "hunks_with_fuzz": sum(fuzz > 0 for fuzz in fuzzes),
        "touched_files": touched,
        "file_summaries": summaries,
        "message": _message(drafts),
    }
    metadata = {**result, "diff": "".join(diffs)}
    if room < 0:
        metadata["diff_truncated"] = True
    return ToolOutput(text=msgspec.json.encode(result).decode(), metadata=metadata)


def _summary(draft: Draft, added: int, removed: int, renamed_from: str | None) -> dict[str, object]:
    summary: dict[str, object] = {
        "path": draft.path,
        "action": draft.action if renamed_from is None else "renamed",
        "added": added,
        "removed": removed,
        "hunks": draft.hunks,
    }
    if renamed_from is not None:
        summary["renamed_from"] = renamed_from
    if any(draft.fuzz):
        summary["fuzz"] = draft.fuzz
    if any(draft.offsets):
        summary["offsets"] = draft.offsets
    return summary


def _message(drafts: list[Draft]) -> str:
    if not drafts:
        return "The files are already as the patch wants them; nothing was written."
    moved = sum(offset != 0 for draft in drafts for offset in draft.offsets)
    said = f"Changed {len(drafts)} file{'s' * (len(drafts) != 1)}."
    return f"{said} {moved} hunk{'s' * (moved != 1)} stood at other lines than the patch says." if moved else said


def _touched(args: ApplyPatch) -> list[Touch]:
    names = [change.path for change in args.changes or ()]
    with suppress(ToolError):  # a patch that cannot be read is refused when it runs
        for patch in parse_patch(args.patch or "", args.path):
            names += [name for name in (patch.old, patch.new) if name is not None]
    return [Touch(path=name, write=True) for name in dict.fromkeys(names)]


def _describe(args: ApplyPatch) -> str:
    if args.changes is not None:
        return "Write " + ", ".join(shown(change.path) for change in args.changes)
    try:
        patches = parse_patch(args.patch or "", args.path)
    except ToolError:
        return "Apply a patch that cannot be read (it will be refused)"
    return "Patch: " + ", ".join(map(_step, patches))


def _step(patch: FilePatch) -> str:
    if patch.old is None:
        return f"create {shown(patch.path)}"
    if patch.new is None:
        return f"delete {shown(patch.old)}"
    if patch.renamed:
        return f"rename {shown(patch.old)} to {shown(patch.new)}"
    return f"change {shown(patch.path)}"


TOOLS = (
    Tool(
        name="apply_patch",
        description=(
            "Apply a unified diff to one or more files, or write several whole files, all or nothing. Hunks need context "
            "that fits the file; line numbers may be off if the place is unambiguous. Supports creating, deleting (/dev/null) "
            "and renaming. If a hunk does not fit, nothing is written and you are shown the closest region."
        ),
        arguments=ApplyPatch,
        effects=frozenset({"write"}),
        default="ask",
        run=_run,
        describe=_describe,
        paths=_touched,
    ),
)
