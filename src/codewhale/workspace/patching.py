"""Plans what a patch does to the files of a workspace; nothing is written before every hunk of every file has its place.

The same file may be patched several times in one patch; the plan sees its own earlier steps.
"""

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.batch import Stamp
from codewhale.workspace.beneath import shown
from codewhale.workspace.files import Files, Write
from codewhale.workspace.hunks import apply_hunks
from codewhale.workspace.patch import FilePatch
from codewhale.workspace.text import Text, decode, require_ascii

MAX_FILES = 500
MAX_BYTES = 128 * 1024 * 1024


class Draft(Struct, kw_only=True):
    """A file as it was and as it shall be; `after` None: absent. `form` is how its text is stored."""

    path: str
    form: Text
    stamp: Stamp | None
    before: str | None
    after: str | None
    mode: int | None = None
    executable: bool | None = None
    hunks: int = 0
    fuzz: list[int] = []
    offsets: list[int] = []

    @property
    def action(self) -> str:
        if self.before is None:
            return "created"
        return "deleted" if self.after is None else "modified"


class Plan:
    """The drafts of a patch, by the real name of each file, in the order they were first touched."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._drafts: dict[str, Draft] = {}
        self._size = 0
        self.renames: dict[str, str] = {}

    @property
    def drafts(self) -> list[Draft]:
        """The files that become different."""
        return [draft for draft in self._drafts.values() if draft.before != draft.after or draft.executable is not None]

    def patch(self, patch: FilePatch, *, fuzz: int, create_if_missing: bool) -> None:
        """One file of a patch."""
        if patch.old is None:
            self._apply(self._absent(patch.path, patch), patch, fuzz)
            return
        if patch.new is None:
            self._delete(self._present(patch.old), patch, fuzz)
            return
        if patch.renamed:
            self._apply(self._move(patch.old, patch.new), patch, fuzz)
            return
        name = self._one_name(patch.old, patch.new)
        draft = self._draft(name)
        if draft.after is None and create_if_missing and _only_adds(patch):
            draft.after = ""
        self._apply(draft if draft.after is not None else self._present(name), patch, fuzz)

    def content(self, path: str, content: str) -> None:
        """A file's whole content. An existing file keeps its encoding and, when all its lines end alike, its line ends."""
        draft = self._draft(path)
        draft.after = fitted(draft.form, content, draft.before)
        self._check(draft, (content,))

    def writes(self) -> list[Write]:
        made: list[Write] = []
        for draft in self.drafts:
            content = None if draft.after is None else draft.form.encode(draft.after)
            self._size += len(content or b"")
            if self._size > MAX_BYTES:
                raise ToolError(
                    f"The patch writes more than {MAX_BYTES:,} bytes at once; split it.", category="invalid_input"
                )
            made.append(
                Write(path=draft.path, content=content, stamp=draft.stamp, mode=draft.mode, executable=draft.executable)
            )
        return made

    def _draft(self, path: str) -> Draft:
        name = self._files.check_writable(path)
        if name in self._drafts:
            return self._drafts[name]
        if len(self._drafts) >= MAX_FILES:
            raise ToolError(f"The patch touches more than {MAX_FILES} files; split it.", category="invalid_input")
        if self._files.stamp(name) is None:
            draft = Draft(path=name, form=Text(""), stamp=None, before=None, after=None)
        else:
            read = self._files.read(name)
            self._size += len(read.content)
            form = decode(read.content, name)
            draft = Draft(path=name, form=form, stamp=read.stamp, before=form.text, after=form.text, mode=read.mode)
        if self._size > MAX_BYTES:
            raise ToolError(f"The patch touches more than {MAX_BYTES:,} bytes; split it.", category="invalid_input")
        self._drafts[name] = draft
        return draft

    def _present(self, path: str) -> Draft:
        draft = self._draft(path)
        if draft.after is None:
            if draft.before is None:
                self._files.read(path)  # raises, with the nearest name
            raise ToolError(
                f"{shown(path)} does not exist (any more) when the patch changes it.", category="invalid_input"
            )
        return draft

    def _absent(self, path: str, patch: FilePatch) -> Draft:
        draft = self._draft(path)
        if draft.after is not None:
            raise ToolError(
                f"{shown(path)} exists, but the patch creates it. To change it, give `--- a/{shown(path)}` and hunks with "
                "context; to replace it, use write_file.",
                category="invalid_input",
            )
        draft.after = ""
        draft.executable = patch.executable
        return draft

    def _move(self, old: str, new: str) -> Draft:
        source = self._present(old)
        target = self._draft(new)
        if target.after is not None:
            raise ToolError(f"{shown(old)} cannot be renamed: {shown(new)} exists.", category="invalid_input")
        target.form, target.after, target.mode = source.form, source.after, source.mode
        source.after = None
        self.renames[target.path] = source.path
        return target

    def _one_name(self, old: str, new: str) -> str:
        if old == new or self._files.stamp(new) is not None:
            return new
        if self._files.stamp(old) is None:
            return new
        raise ToolError(
            f"The patch names {shown(old)} and {shown(new)} without saying `rename from` and `rename to`; name one file.",
            category="invalid_input",
        )

    def _delete(self, draft: Draft, patch: FilePatch, fuzz: int) -> None:
        self._apply(draft, patch, fuzz)
        if patch.hunks and draft.after:
            raise ToolError(
                f"{shown(draft.path)} is deleted by the patch, but has lines that the patch does not know; read it again.",
                category="invalid_input",
            )
        draft.after = None

    def _apply(self, draft: Draft, patch: FilePatch, fuzz: int) -> None:
        added = tuple(line.text for hunk in patch.hunks for line in hunk.lines if line.mark == "+")
        self._check(draft, added)
        applied = apply_hunks(draft.after or "", patch, fuzz)
        draft.after = applied.text
        draft.hunks += len(patch.hunks)
        draft.fuzz = [*draft.fuzz, *applied.fuzz]
        draft.offsets = [*draft.offsets, *applied.offsets]
        if patch.executable is not None:
            draft.executable = patch.executable

    def _check(self, draft: Draft, added: tuple[str, ...]) -> None:
        require_ascii(draft.form, added, draft.path)


def fitted(form: Text, content: str, before: str | None) -> str:
    """`content` for a file stored as `form`: LF becomes CR LF where the file has nothing else; no second byte order mark."""
    if form.bom:
        content = content.removeprefix("\ufeff")
    if before is not None and "\r" not in content and form.line_ends == "crlf":
        return content.replace("\n", "\r\n")
    return content


def _only_adds(patch: FilePatch) -> bool:
    return all(line.mark == "+" for hunk in patch.hunks for line in hunk.lines)
