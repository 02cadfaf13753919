"""What a thread's requests begin with, as recorded: the parts of the system text, and why they were put together anew."""

from typing import ClassVar, Literal

from msgspec import Struct

from codewhale.domain.messages import ToolSpec

PinReason = Literal["initial", "model", "settings", "compaction", "upgrade", "requested"]
"""Why a header was composed: the thread's first turn, another model, other settings of the thread, a compaction (after which
nothing was cached), another codewhale, a person's wish."""


class ContextPart(Struct, frozen=True, kw_only=True):
    """A named piece of the system text."""

    name: str
    text: str


class ContextPinned(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The header that the thread's requests begin with from here on (ours; the HTTP stream leaves it out): the parts of the
    system text and the first tools, and the names of parts that are not as before."""

    WIRE: ClassVar[str] = "context.pinned"
    reason: PinReason
    model: str
    version: str
    parts: tuple[ContextPart, ...]
    tools: tuple[ToolSpec, ...]
    changed: tuple[str, ...] = ()


class ContextTold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model was told what changed since the header was pinned (ours): digests of all parts as it knows them now, by name.
    After a compaction it knows the header alone."""

    WIRE: ClassVar[str] = "context.told"
    parts: dict[str, str]
    after_compaction: bool = False


class RequestShape(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one request to a model was made of, in characters, and how much of it its provider had seen in the request before.

    `said` are the characters of its `messages` messages; `marks` tell system text, tools and messages from others. Of the
    request `before` (its characters; 0: there was none) the first `same` characters are here too; `differs` says where the
    two part: `system`, `tools` or `message N`, and nothing where all of it is here."""

    system: int
    tools: int
    messages: int
    said: int
    marks: tuple[int, int, int]
    before: int = 0
    same: int = 0
    differs: str = ""

    @property
    def whole(self) -> int:
        """Characters of the request."""
        return self.system + self.tools + self.said
