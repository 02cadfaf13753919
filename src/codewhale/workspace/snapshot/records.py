"""What is known of a snapshot, as values, and as the one line of text that its commit has."""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from codewhale.workspace.snapshot.scan import Stamp

MAX_ODD = 1000
"""Most files with unusual permissions, and most empty folders, that a snapshot remembers."""


class Kept(Struct, frozen=True, array_like=True):
    """A file as the last snapshot has it: its stamp, git's mode of it, git's name of its content."""

    stamp: Stamp
    mode: str
    oid: str


class Detail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What git does not keep of a workspace: empty folders, permissions (the usual ones of plain and of executable files,
    and those of the others), and what was left out, with reasons."""

    plain: int = 0o644
    executable: int = 0o755
    odd: dict[str, int] = {}
    empty: tuple[str, ...] = ()
    missing: dict[str, str] = {}
    files: int = 0
    size: int = 0

    def permissions(self, path: str, mode: str) -> int:
        """The permission bits of a file of git's `mode`."""
        return self.odd.get(path, self.executable if mode == "100755" else self.plain)


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a snapshot is of and why it was taken: `label` such as `pre-turn:3`; `at` in Unix seconds. `beside` are threads
    that had a turn under way in the same workspace meanwhile. `undone` and `redone` are the turns that the restore before
    it took back, or brought back."""

    label: str
    at: float
    thread_id: str = ""
    turn_id: str = ""
    beside: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    redone: tuple[str, ...] = ()


class Snapshot(Struct, frozen=True, kw_only=True):
    """A kept state of the workspace. `id` is unique; equal `tree`s have the same files."""

    id: str
    tree: str
    ref: str
    note: Note
    detail: Detail

    @property
    def label(self) -> str:
        return self.note.label


class Message(Struct, frozen=True, kw_only=True):
    """The text of a snapshot's commit."""

    note: Note
    detail: Detail


class State(Struct, frozen=True, kw_only=True):
    """One entry of a tree: git's mode, its name of the content, and the permissions (None for a link)."""

    mode: str
    oid: str
    permissions: int | None


Change = tuple[State | None, State | None]
"""An entry before and after; None where there is none."""


def encode(message: Message) -> bytes:
    """One line of ASCII."""
    return _escaped(msgspec.json.encode(_surrogates_out(message)))


def decode(line: str) -> Message | None:
    """The message of a commit; None for one that is not ours."""
    try:
        return _surrogates_in(msgspec.json.decode(line, type=Message))
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _escaped(line: bytes) -> bytes:
    text = line.decode()
    return "".join(char if char < "\x7f" else _unicode(char) for char in text).encode()


def _unicode(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


_MARK = "\ufdd0"
"""A character that means nothing in Unicode: what follows is the number of a byte that is no UTF-8."""


def _surrogates_out(message: Message) -> Message:
    return _mapped(message, lambda path: "".join(_out(char) for char in path))


def _surrogates_in(message: Message) -> Message:
    return _mapped(message, _in)


def _out(char: str) -> str:
    return f"{_MARK}{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char


def _in(path: str) -> str:
    first, *rest = path.split(_MARK)
    return first + "".join(chr(0xDC00 + int(part[:2], 16)) + part[2:] for part in rest)


def _mapped(message: Message, each: Callable[[str], str]) -> Message:
    detail = message.detail
    return msgspec.structs.replace(
        message,
        detail=msgspec.structs.replace(
            detail,
            odd={each(path): mode for path, mode in detail.odd.items()},
            empty=tuple(each(path) for path in detail.empty),
            missing={each(path): why for path, why in detail.missing.items()},
        ),
    )
