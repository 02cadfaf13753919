"""Outputs of calls that the log keeps whole, also where the model is shown a part: what a tool asks for and what it gets.

A call may keep texts of its own beside its output; they stand in its item's metadata under `KEPT`.
"""

import msgspec
from msgspec import Struct

from codewhale.domain.wishes import Wish

KEPT = "kept"


class KeptOutput(Struct, frozen=True, kw_only=True):
    """The output of a call of `tool`, whole. `bytes` is its size in UTF-8."""

    tool: str
    call_id: str
    text: str
    bytes: int


class ReadOutput(Wish[KeptOutput], frozen=True, kw_only=True):
    """The output of this thread that `ref` names: a call id, an item id, or the sha256 of a large output (`sha256:…`)."""

    ref: str


class KeptText(Struct, frozen=True, kw_only=True):
    """A text that a call kept under `name`: the sha256 of its blob and its size in UTF-8."""

    name: str
    blob: str
    bytes: int

    @property
    def ref(self) -> str:
        """What `retrieve_tool_result` takes."""
        return f"sha256:{self.blob}"


class Kept(Struct, frozen=True, kw_only=True):
    """What keeping a text gave: the entry for the metadata, how a task's record names it, and whether secrets were taken
    out of it."""

    note: KeptText
    path: str
    altered: bool


class KeepText(Wish[Kept], frozen=True, kw_only=True):
    """Keep a text under a name that no other text of this call has. The caller puts the note into its metadata."""

    name: str
    text: str


def kept_texts(metadata: dict[str, object] | None) -> tuple[KeptText, ...]:
    """The texts that an item's metadata names; none when it says nothing of the kind."""
    given = (metadata or {}).get(KEPT)
    if given is None:
        return ()
    try:
        return msgspec.convert(given, tuple[KeptText, ...])
    except msgspec.ValidationError:  # the metadata of a tool that is not ours
        return ()
