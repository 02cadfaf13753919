"""Reads a patch: unified diffs of several files in git's or plain form, and the `*** Begin Patch` envelope.

What models commonly leave out (line counts, line numbers, the space before an empty context line) is accepted where it
can mean only one thing; everything else is an error with the line of the patch. Pure: it knows no files.
"""

import re

from msgspec import Struct

from codewhale.domain.errors import ToolError

_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")
_OCTAL = re.compile(r'\\([0-7]{3}|["\\nt])')


class Line(Struct, frozen=True):
    """One line of a hunk: `mark` is " ", "-" or "+"; `text` without LF; `ended` False where the file ends without one."""

    mark: str
    text: str
    ended: bool = True


class Hunk(Struct, frozen=True, kw_only=True):
    """`start` is the 1-based old line that it says it begins at, None if it does not; `hint` is the text after `@@`."""

    lines: tuple[Line, ...]
    start: int | None = None
    hint: str = ""
    at_end: bool = False


class FilePatch(Struct, frozen=True, kw_only=True):
    """What happens to one file: `old` None creates it, `new` None deletes it. `renamed` says that two names are meant."""

    old: str | None
    new: str | None
    hunks: tuple[Hunk, ...]
    executable: bool | None = None
    renamed: bool = False

    @property
    def path(self) -> str:
        return self.new or self.old or ""


class _Reader:
    """The lines of a patch and how far it was read."""

    def __init__(self, text: str) -> None:
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        if lines and all(line.endswith("\r") for line in lines):
            lines = [line[:-1] for line in lines]
        while lines and not lines[0].strip():
            lines.pop(0)
        if lines and lines[0].startswith("```"):
            lines.pop(0)
            if lines and lines[-1].strip() == "```":
                lines.pop()
        self.lines = lines
        self.at = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.lines)

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.lines[at] if at < len(self.lines) else ""

    def take(self) -> str:
        line = self.lines[self.at]
        self.at += 1
        return line

    def fail(self, problem: str) -> ToolError:
        return ToolError(f"The patch cannot be read at its line {self.at + 1}: {problem}", category="invalid_input")


def parse_patch(text: str, path: str | None = None) -> tuple[FilePatch, ...]:
    """The files of a patch in order. `path` names the file of a patch without file names, or must be its only file."""
    reader = _Reader(text)
    if any(line.strip() == "*** Begin Patch" for line in reader.lines[:1]):
        patches = _envelope(reader)
    elif reader.peek().startswith("@@"):
        if path is None:
            raise reader.fail("it begins with a hunk and names no file. Give `path`, or `---` and `+++` lines.")
        patches = [FilePatch(old=path, new=path, hunks=_hunks(reader))]
        if not reader.done:
            raise reader.fail(f"expected a hunk, found {reader.peek()[:80]!r}.")
        return tuple(patches)
    else:
        patches = _unified(reader)
    if not patches:
        raise ToolError("The patch holds no file and no hunk.", category="invalid_input")
    if path is None:
        return tuple(patches)
    if len(patches) > 1:
        raise ToolError(
            "`path` was given, but the patch changes several files. Leave `path` out.", category="invalid_input"
        )
    only = patches[0]
    old, new = (None if only.old is None else path), (None if only.new is None else path)
    return (FilePatch(old=old, new=new, hunks=only.hunks, executable=only.executable),)


def _unified(reader: _Reader) -> list[FilePatch]:
    patches: list[FilePatch] = []
    while not reader.done:
        line = reader.peek()
        if line.startswith("diff --git "):
            patches.append(_git_file(reader))
        elif line.startswith("--- ") and reader.peek(1).startswith("+++ "):
            patches.append(_plain_file(reader))
        elif line.startswith(("@@", "+", "-")) and line.rstrip() != "--":
            raise reader.fail(
                f"{line[:80]!r} belongs to no file. Each file needs `--- a/path` and `+++ b/path` before it."
            )
        else:
            reader.take()  # mail headers, a commit message, blank lines between files
    return patches


class _Git(Struct):
    """The extended header of one file in git's form."""

    old: str | None = None
    new: str | None = None
    renamed: bool = False
    created: bool = False
    deleted: bool = False
    executable: bool | None = None


def _git_file(reader: _Reader) -> FilePatch:
    first = reader.take()
    git = _Git()
    while not reader.done and not reader.peek().startswith(("--- ", "@@", "diff --git ")):
        if not _git_header(reader, git):
            break
        reader.at += 1
    if reader.peek().startswith("--- ") and reader.peek(1).startswith("+++ "):
        plain = _plain_file(reader)
        if git.renamed:
            return FilePatch(old=git.old, new=git.new, hunks=plain.hunks, executable=git.executable, renamed=True)
        return FilePatch(old=plain.old, new=plain.new, hunks=plain.hunks, executable=git.executable)
    if not git.renamed:
        name = _same_name(first.removeprefix("diff --git "))
        if name is None:
            raise reader.fail("the names in the `diff --git` line differ, and neither `rename` nor `---` lines follow.")
        git.old, git.new = (None if git.created else name), (None if git.deleted else name)
    return FilePatch(old=git.old, new=git.new, hunks=_hunks(reader), executable=git.executable, renamed=git.renamed)


def _git_header(reader: _Reader, git: _Git) -> bool:
    """Take note of one extended header line; False when the line is none."""
    line = reader.peek()
    words = line.split(" ")
    match words:
        case ["new", "mode" | "file", *_] | ["deleted", "file", *_] | ["old", "mode", *_]:
            mode = words[-1].strip()
            if mode[:3] != "100":
                raise reader.fail(f"mode {mode} is no regular file; links and submodules cannot be patched.")
            git.created |= words[0] == "new" and words[1] == "file"
            git.deleted |= words[0] == "deleted"
            if words[0] == "new":
                git.executable = mode.endswith("755")
        case ["rename", "from", *_]:
            git.renamed, git.old = True, _unquoted(line[len("rename from ") :])
        case ["rename", "to", *_]:
            git.renamed, git.new = True, _unquoted(line[len("rename to ") :])
        case ["index" | "similarity" | "dissimilarity", *_]:
            pass
        case ["copy", *_]:
            raise reader.fail("copies are not handled; give the new file as `--- /dev/null`, or use a shell command.")
        case ["GIT", "binary", *_] | ["Binary", "files", *_]:
            raise reader.fail("binary changes cannot be applied.")
        case _:
            return False
    return True


def _plain_file(reader: _Reader) -> FilePatch:
    old, new = _unquoted(reader.take()[4:]), _unquoted(reader.take()[4:])
    gone = "/dev/null"
    if (old == gone or old.startswith("a/")) and (new == gone or new.startswith("b/")):
        old, new = old.removeprefix("a/"), new.removeprefix("b/")
    if old == new == gone:
        raise reader.fail("both sides are /dev/null.")
    return FilePatch(old=None if old == gone else old, new=None if new == gone else new, hunks=_hunks(reader))


def _same_name(names: str) -> str | None:
    """The name in `a/NAME b/NAME`."""
    if names.startswith('"'):
        half = names.split('" "')
        return _unquoted(half[0] + '"').removeprefix("a/") if len(half) == 2 else None
    middle = len(names) // 2
    left, right = names[:middle], names[middle + 1 :]
    return left[2:] if left[:2] == "a/" and right[:2] == "b/" and left[2:] == right[2:] else None


def _unquoted(name: str) -> str:
    name = name.rstrip("\r")
    if not name.startswith('"'):
        return name.split("\t")[0].rstrip()
    plain = name[1 : name.rfind('"')]
    if "\\" not in plain:
        return plain
    short = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    raw = _OCTAL.sub(lambda found: short.get(found[1]) or chr(int(found[1], 8)), plain)
    return raw.encode("latin-1").decode("utf-8", "replace") if all(ord(c) < 256 for c in raw) else raw


def _hunks(reader: _Reader) -> tuple[Hunk, ...]:
    hunks: list[Hunk] = []
    while _at_hunk(reader):
        header = _HEADER.match(reader.peek())
        line = reader.take()
        if header is not None:
            counts = int(header[2] or 1), int(header[4] or 1)
            hunks.append(_body(reader, int(header[1]), counts, header[5].strip()))
        elif not reader.peek().startswith("@@"):  # of stacked places only the innermost counts
            hunks.append(_body(reader, None, None, line.strip("@ \r")))
    return tuple(hunks)


def _at_hunk(reader: _Reader) -> bool:
    """Whether a hunk is next; blank lines before it are skipped."""
    ahead = 0
    while reader.at + ahead < len(reader.lines) and not reader.peek(ahead).strip():
        ahead += 1
    if not reader.peek(ahead).startswith("@@"):
        return False
    reader.at += ahead
    return True


def _body(reader: _Reader, start: int | None, counts: tuple[int, int] | None, hint: str) -> Hunk:
    lines: list[Line] = []
    at_end = False
    blank = 0  # how many of the last lines are empty, without even the space of a context line
    while not reader.done and not _ends(reader, lines, counts):
        line = reader.take()
        blank = blank + 1 if line in {"", "\r"} else 0
        if line.startswith("\\"):
            if lines:
                lines[-1] = Line(lines[-1].mark, lines[-1].text, ended=False)
        elif line == "*** End of File":
            at_end = True
        elif line[:1] in {" ", "+", "-"}:
            lines.append(Line(line[0], line[1:]))
        elif blank:
            lines.append(Line(" ", line))
        else:
            reader.at -= 1
            raise reader.fail(f"{line[:80]!r} begins with none of space, `+` and `-`, so it is no line of a hunk.")
    while blank and lines and not _complete(lines, counts):
        lines.pop()
        blank -= 1
    if not any(line.mark != " " for line in lines):
        raise reader.fail("this hunk changes nothing.")
    return Hunk(lines=tuple(lines), start=start, hint=hint, at_end=at_end)


def _ends(reader: _Reader, lines: list[Line], counts: tuple[int, int] | None) -> bool:
    line = reader.peek()
    if line.startswith(("@@", "diff --git ", "*** ")) and line != "*** End of File":
        return True
    complete = _complete(lines, counts)
    if complete and line in {"-- ", "--"}:  # the signature of a mailed patch
        return True
    if line.startswith("--- ") and reader.peek(1).startswith("+++ ") and (counts is None or complete):
        return True
    return complete and counts is not None and not line.startswith(("+", "-", " ", "\\"))


def _complete(lines: list[Line], counts: tuple[int, int] | None) -> bool:
    """Whether `lines` are as many as the header said."""
    if counts is None:
        return False
    old = sum(line.mark != "+" for line in lines)
    return (old, sum(line.mark != "-" for line in lines)) == counts


def _envelope(reader: _Reader) -> list[FilePatch]:
    reader.take()
    patches: list[FilePatch] = []
    while not reader.done:
        line = reader.take().rstrip()
        verb, _, name = line.removeprefix("*** ").partition(": ")
        if line == "*** End Patch":
            return patches
        if verb == "Add File":
            added: list[Line] = []
            while reader.peek().startswith("+"):
                added.append(Line("+", reader.take()[1:]))
            hunks = (Hunk(lines=tuple(added), start=0),) if added else ()
            patches.append(FilePatch(old=None, new=name, hunks=hunks))
        elif verb == "Delete File":
            patches.append(FilePatch(old=name, new=None, hunks=()))
        elif verb == "Update File":
            moved = (
                reader.take()[len("*** Move to: ") :].rstrip() if reader.peek().startswith("*** Move to: ") else name
            )
            if not reader.peek().startswith(("@@", "*** ")):
                reader.lines.insert(reader.at, "@@")
            patches.append(FilePatch(old=name, new=moved, hunks=_hunks(reader), renamed=moved != name))
        elif line:
            reader.at -= 1
            raise reader.fail(f"{line[:80]!r} is no part of a `*** Begin Patch` envelope.")
    return patches
