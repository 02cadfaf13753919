"""Tool calls put together from pieces, whatever a provider tells about which piece belongs to which call.

Arguments are kept byte for byte. A call leaves here only when it is whole, or with arguments that cannot be taken for
whole ones: half a call never runs.
"""

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import CallReady
from codewhale.domain.records import ToolCall
from codewhale.llm.dialects.chat_wire import CallDelta, Function

MAX_CALLS = 128
"""Calls of one answer that may run. One more is kept, so that whoever runs them can refuse it; the rest is dropped."""
MAX_ARGUMENT_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 10 * 1024 * 1024
"""What is kept of the arguments of one answer, all calls together."""
MAX_READ_BYTES = 64 * 1024 * 1024
KEPT_OF_OVERSIZE = 4096
CUT_BY_SIZE = " <cut: the arguments are longer than 1 MiB>"
CUT_BY_TOTAL = " <cut: the arguments of all calls are longer than 10 MiB>"
CUT_BY_LIMIT = " <cut: the answer ended before the arguments were complete>"
MAX_ID = 128


class CallPieces:
    """The calls of one answer, in order of first appearance."""

    def __init__(self) -> None:
        self._slots: list[_Slot] = []
        self._by_index: dict[int, _Slot] = {}
        self._dropped = _Slot()
        self._read = 0
        self._kept = 0

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, piece: CallDelta) -> None:
        """One piece. `ProviderError` (`protocol`) for more than 64 MiB of arguments in one answer: that is a runaway, and
        none of it runs."""
        slot = self._slot(piece)
        if piece.id and not slot.id:
            slot.id = piece.id
        extra = piece.extra_content
        if extra is not None and extra.google is not None and extra.google.thought_signature:
            slot.signature = extra.google.thought_signature
        function = piece.function
        if function is None:
            return
        if function.name and not slot.name:
            slot.name = function.name
        if function.arguments:
            self._extend(slot, argument_text(bytes(function.arguments)))

    def begin(self, index: int, ident: str, name: str) -> None:
        """A call of a dialect that announces each by a place of its own."""
        self.add(CallDelta(index=index, id=ident, function=Function(name=name)))

    def more(self, index: int, text: str) -> None:
        """More of the arguments of a call that has begun; what belongs to none is dropped."""
        slot = self._by_index.get(index)
        if slot is not None:
            self._extend(slot, text)

    def finish(self, *, cut_off: bool) -> list[CallReady]:
        """All calls with ids unique among them. `cut_off`: the answer hit a limit, so arguments that are not a whole
        JSON object get a mark that makes that plain to whoever reads them."""
        taken: set[str] = set()
        return [CallReady(slot.ready(_fresh(slot.id, taken), cut_off=cut_off)) for slot in self._slots]

    def _slot(self, piece: CallDelta) -> "_Slot":
        known = self._known(piece)
        if known is not None:
            return known
        if len(self._slots) > MAX_CALLS:
            return self._dropped
        slot = _Slot()
        self._slots.append(slot)
        if piece.index is not None:
            self._by_index[piece.index] = slot
        return slot

    def _known(self, piece: CallDelta) -> "_Slot | None":
        """The call that the piece continues. A new id together with a name begins a new call, even where a provider
        gives every call the same index; without index and id a name does."""
        named = piece.function is not None and bool(piece.function.name)
        if piece.index is not None:
            slot = self._by_index.get(piece.index)
        elif piece.id:
            slot = next((s for s in reversed(self._slots) if s.id == piece.id), None)
            if slot is None and not named and self._slots and not self._slots[-1].id:
                slot = self._slots[-1]
            return slot
        else:
            return self._slots[-1] if self._slots and not named else None
        if slot is not None and named and piece.id and slot.id and slot.id != piece.id:
            return None
        return slot

    def _extend(self, slot: "_Slot", text: str) -> None:
        self._read += len(text)
        if self._read > MAX_READ_BYTES:
            raise ProviderError(
                f"The tool calls of one answer are larger than {MAX_READ_BYTES} bytes; none of them was run.",
                category="protocol",
                hint="Ask for the work in smaller portions.",
            )
        if slot is not self._dropped:
            self._kept += slot.extend(text, MAX_TOTAL_BYTES - self._kept)


class _Slot:
    """One call in the making. What exceeds the size limit is counted but not kept."""

    __slots__ = ("_cut", "_kept", "_pieces", "_size", "id", "name", "signature")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.signature: str | None = None
        self._pieces: list[str] = []
        self._size = 0
        self._kept = 0
        self._cut = ""

    def extend(self, text: str, room: int) -> int:
        """More of the arguments, where there is `room` for so many bytes; how many more (or fewer) are kept than before."""
        size = len(text) if text.isascii() else len(text.encode())
        self._size += size
        before = self._kept
        if self._cut:
            return 0
        if self._size <= MAX_ARGUMENT_BYTES and size <= room:
            self._pieces.append(text)
            self._kept += size
        else:
            self._cut = CUT_BY_SIZE if self._size > MAX_ARGUMENT_BYTES else CUT_BY_TOTAL
            self._pieces = ["".join([*self._pieces, text])[:KEPT_OF_OVERSIZE]]
            self._kept = len(self._pieces[0])
        return self._kept - before

    def ready(self, ident: str, *, cut_off: bool) -> ToolCall:
        text = "".join(self._pieces)
        if self._cut:
            text += self._cut
        elif cut_off and not is_object(text):
            text += CUT_BY_LIMIT
        elif not text:
            text = "{}"
        return ToolCall(id=ident, name=self.name, arguments=text, signature=self.signature)


class _Object(Struct):
    """Any JSON object; its members are skipped, so that checking costs no memory."""


_OBJECT = msgspec.json.Decoder(_Object)
_TEXT = msgspec.json.Decoder(str)


def is_object(text: str) -> bool:
    """Whether `text` is one whole JSON object."""
    try:
        _OBJECT.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def argument_text(raw: bytes) -> str:
    """The arguments as text: out of a JSON string, or an object sent bare, as it stands. `ValueError` when it is not
    UTF-8."""
    if raw.startswith(b'"'):
        return _TEXT.decode(raw)
    return "" if raw == b"null" else raw.decode()


def _fresh(wanted: str, taken: set[str]) -> str:
    """`wanted` if it is a plain id nobody has yet, else `call_1`, `call_2`, … Ids end up in file names and logs of
    clients, so only letters, digits and `_-.:` pass, and never `..`."""
    plain = wanted.isascii() and all(c.isalnum() or c in "_-.:" for c in wanted) and ".." not in wanted
    ident = wanted if plain and 0 < len(wanted) <= MAX_ID else ""
    number = len(taken)
    while not ident or ident in taken:
        number += 1
        ident = f"call_{number}"
    taken.add(ident)
    return ident
