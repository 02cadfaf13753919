"""The pinned header of a thread: the same bytes at the beginning of all its requests, over restarts and from any surface.

Composed anew only for a declared reason, which is recorded with it. Everything else that changes is told once, at the end.
"""

from collections.abc import Sequence

from msgspec import Struct

from codewhale.context.parts import COMPANIONS, digests, drifted, system_of, update_of
from codewhale.domain import events as e
from codewhale.domain.context import ContextPart, PinReason
from codewhale.domain.messages import ToolSpec
from codewhale.domain.records import Item
from codewhale.engine.recorder import TurnRecorder
from codewhale.store.port import Store

SOURCE = "context"
"""Where a message comes from that tells of a change."""
MOST_WARNINGS = 5
OF_SETTINGS = frozenset({"system_prompt", "environment"})
"""Parts that change only with settings of the thread."""


class Wanted(Struct, frozen=True, kw_only=True):
    """The header as it would be composed now."""

    parts: tuple[ContextPart, ...]
    tools: tuple[ToolSpec, ...]
    model: str
    version: str


class Header:
    """The header of one thread, as the log has it. `pinned` None: none was composed yet."""

    def __init__(self, pinned: e.ContextPinned | None = None, told: e.ContextTold | None = None) -> None:
        self.pinned = pinned
        self.told = told

    @classmethod
    def of(cls, store: Store, thread_id: str) -> "Header":
        """The header out of the log."""
        last = store.latest(thread_id, e.ContextPinned.WIRE)
        told = store.latest(thread_id, e.ContextTold.WIRE)
        if last is None:
            return cls()
        after = told is not None and told.seq > last.seq
        pinned, since = last.decode(), told.decode() if told is not None and after else None
        assert isinstance(pinned, e.ContextPinned)
        assert since is None or isinstance(since, e.ContextTold)
        return cls(pinned, since)

    def settle(self, recorder: TurnRecorder, wanted: Wanted, warnings: Sequence[str] = ()) -> e.ContextPinned:
        """The header of the turn: the thread's, or a new one, recorded, where there is none or a declared reason asks. What
        a new one could not take in is said to people."""
        changed = self._changed(wanted)
        reason = self._reason(wanted, changed)
        if self.pinned is not None and reason is None:
            return self.pinned
        names = tuple(part.name for part in changed) if self.pinned is not None else ()
        self.pinned = e.ContextPinned(
            reason=reason or "initial",
            model=wanted.model,
            version=wanted.version,
            parts=wanted.parts,
            tools=wanted.tools,
            changed=names,
        )
        self.told = None
        recorder.append(self.pinned)
        for warning in warnings[:MOST_WARNINGS]:
            recorder.note(f"{warning}.")
        return self.pinned

    def tell(self, recorder: TurnRecorder, wanted: Wanted) -> Item | None:
        """Tell the model what is not as it believes, and record that it was told; None when there is nothing to tell."""
        changed = self._changed(wanted)
        if not changed:
            return None
        self.told = e.ContextTold(parts=digests(wanted.parts))
        return recorder.told(update_of(changed), SOURCE, self.told)

    def learned(self, recorder: TurnRecorder, before: ContextPart, after: ContextPart) -> None:
        """The model changed a part itself and knows of it, unless that was another than it believed."""
        believed = self._believed()
        (was,), (now,) = digests([before]).values(), digests([after]).values()
        if believed.get(before.name) == was:
            repinning = self.told is not None and self.told.after_compaction
            self.told = e.ContextTold(parts={**believed, after.name: now}, after_compaction=repinning)
            recorder.append(self.told)

    def compacted(self, recorder: TurnRecorder) -> None:
        """What the model was told is gone with the conversation."""
        self.told = e.ContextTold(parts={}, after_compaction=True)
        recorder.append(self.told)

    def _changed(self, wanted: Wanted) -> tuple[ContextPart, ...]:
        if self.pinned is None or (self.told is None and self.pinned.parts == wanted.parts):
            return ()
        return drifted(wanted.parts, self._believed())

    def _believed(self) -> dict[str, str]:
        """Digests of the parts as the model knows them."""
        if self.told is not None and self.told.parts:
            return self.told.parts
        return digests(self.pinned.parts) if self.pinned is not None else {}

    def _reason(self, wanted: Wanted, changed: tuple[ContextPart, ...]) -> PinReason | None:
        last = self.pinned
        if last is None:
            return "initial"
        if last.version != wanted.version:
            return "upgrade"
        if last.model != wanted.model:
            return "model"
        other_tools = {tool.name for tool in last.tools} ^ {tool.name for tool in wanted.tools}
        if other_tools - set(COMPANIONS.values()) or any(part.name in OF_SETTINGS for part in changed):
            return "settings"
        return "compaction" if changed and self.told is not None and self.told.after_compaction else None


def system_text(pinned: e.ContextPinned) -> str:
    """The system text of the header."""
    return system_of(pinned.parts)
