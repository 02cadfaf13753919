"""The runtime folder (threads, turns, items, events) as stories: each thread is read by itself, with what is left of it.

Order does not hang on times alone: items stand as their turn lists them, turns with equal times as the log, then the disk
had them.
"""

import os
from collections.abc import Iterator

from msgspec.structs import replace

from codewhale.domain.records import SCHEMA_VERSION, Item, ItemKind, Thread, ToolCall, Turn
from codewhale.runtime.importing.logs import OldLog, read_log
from codewhale.runtime.importing.reading import Unreadable, expect, moment, names, record
from codewhale.runtime.importing.records import (
    TOOL_KINDS,
    ItemOwner,
    OldItem,
    OldThread,
    OldTurn,
    checked,
    item_of,
    thread_of,
    turn_of,
)
from codewhale.runtime.importing.report import Report
from codewhale.runtime.importing.story import Story

JSON = ".json"
_MESSAGES: frozenset[ItemKind] = frozenset({"agent_message", "agent_reasoning"})


class RuntimeFolder:
    """One folder with `threads/`, `turns/`, `items/` and `events/`. Making it reads all turns and looks at all items once."""

    def __init__(self, path: str, report: Report) -> None:
        self._path = path
        self._report = report
        self._turns: dict[str, list[tuple[int, OldTurn]]] = {}
        self._owned: dict[str, list[str]] = {}
        self._claimed: set[str] = set()
        self._read_turns()
        self._look_at_items()

    def thread_ids(self) -> list[str]:
        """The names of the threads' files."""
        return [name.removesuffix(JSON) for name in names(os.path.join(self._path, "threads"), JSON)]

    def skip(self, thread_id: str) -> None:
        """A thread that is not wanted: what is left of it is no orphan."""
        self._claimed.update(turn.id for _, turn in self._turns.pop(thread_id, []))

    def story(self, thread_id: str) -> Story:
        """The thread with all that can be read of it; `Unreadable` when its own file cannot."""
        where = f"threads/{thread_id}{JSON}"
        old = record(self._at(where), OldThread, word="Thread", supported=SCHEMA_VERSION)
        expect(old.id, checked(thread_id), "thread")
        thread, changed = thread_of(old)
        if changed is not None:
            self._report.note(where, changed)
        found = [(at, turn, self._items(turn)) for at, turn in self._turns.pop(thread_id, [])]
        log = self._log(thread_id, {i.id for _, _, items in found for i in items if not i.detail})
        found.sort(key=lambda one: _place(one[0], one[1], old, log))
        turns = tuple(filter(None, (self._turn(thread, turn, items, log) for _, turn, items in found)))
        latest = turns[-1][0].id if turns else None
        return Story(thread=replace(thread, latest_turn_id=latest), turns=turns)

    def orphans(self) -> Iterator[tuple[str, str]]:
        """Turns and items whose thread or turn is not there, once all stories were read."""
        for thread_id, turns in self._turns.items():
            for _, turn in turns:
                self._claimed.add(turn.id)
                yield f"turns/{turn.id}{JSON}", f"belongs to the thread {thread_id[:80]!r}, which was not taken"
        for turn_id, items in self._owned.items():
            if turn_id not in self._claimed:
                for item_id in items:
                    yield f"items/{item_id}{JSON}", f"belongs to the turn {turn_id[:80]!r}, which was not taken"

    def _turn(
        self, thread: Thread, old: OldTurn, olds: list[OldItem], log: OldLog
    ) -> tuple[Turn, tuple[Item, ...]] | None:
        where = f"turns/{old.id}{JSON}"
        try:
            items: list[Item] = []
            for one in olds:
                try:
                    items.append(_completed(item_of(one, last_seen=thread.updated_at), one, log))
                except Unreadable as error:
                    self._report.problem(f"items/{one.id[:80]}{JSON}", str(error))
            turn = turn_of(old, tuple(item.id for item in items), last_seen=thread.updated_at)
        except Unreadable as error:
            self._report.problem(where, str(error))
            return None
        return turn, tuple(_stepped(items))

    def _items(self, turn: OldTurn) -> list[OldItem]:
        """The turn's items in its order, then those that it does not list, by time."""
        self._claimed.add(turn.id)
        listed = list(dict.fromkeys(turn.item_ids or ()))
        found = [item for item_id in listed if (item := self._item(item_id, turn)) is not None]
        lost = [i for i in self._owned.get(turn.id, ()) if i not in set(listed)]
        unlisted = [item for item_id in lost if (item := self._item(item_id, turn)) is not None]
        if unlisted:
            self._report.note(f"turns/{turn.id}{JSON}", f"does not list {len(unlisted)} of its items; they stand last")
        return found + sorted(unlisted, key=lambda item: (item.started_at or "", item.id))

    def _item(self, item_id: str, turn: OldTurn) -> OldItem | None:
        where = f"items/{item_id[:80]}{JSON}"
        try:
            item = record(self._at(f"items/{checked(item_id)}{JSON}"), OldItem, word="Item", supported=SCHEMA_VERSION)
            expect(item.id, item_id, "item")
            expect(item.turn_id, turn.id, "item of the turn")
        except Unreadable as error:
            self._report.problem(where, str(error))
            return None
        return item

    def _log(self, thread_id: str, without_text: set[str]) -> OldLog:
        where = f"events/{thread_id}.jsonl"
        if not os.path.exists(self._at(where)):
            return OldLog()
        try:
            log = read_log(self._at(where), without_text)
        except (Unreadable, OSError) as error:
            self._report.problem(where, str(error))
            return OldLog()
        if log.torn:
            self._report.note(where, "its last line was cut off; all before it was read")
        for number in log.damaged:
            self._report.problem(f"{where} line {number}", "is not an event")
        return log

    def _read_turns(self) -> None:
        for name in names(self._at("turns"), JSON):
            where = f"turns/{name}"
            try:
                turn = record(self._at(where), OldTurn, word="Turn", supported=SCHEMA_VERSION)
                expect(turn.id, name.removesuffix(JSON), "turn")
                written = os.stat(self._at(where)).st_mtime_ns
            except (Unreadable, OSError) as error:
                self._report.problem(where, str(error))
                continue
            self._turns.setdefault(turn.thread_id, []).append((written, turn))

    def _look_at_items(self) -> None:
        for name in names(self._at("items"), JSON):
            try:
                owner = record(self._at(f"items/{name}"), ItemOwner, word="Item", supported=SCHEMA_VERSION)
            except Unreadable as error:
                listed = any(
                    name.removesuffix(JSON) in (t.item_ids or ()) for ts in self._turns.values() for _, t in ts
                )
                if not listed:  # one that is listed is reported where it is missed
                    self._report.problem(f"items/{name}", str(error))
                continue
            self._owned.setdefault(owner.turn_id, []).append(name.removesuffix(JSON))

    def _at(self, where: str) -> str:
        return os.path.join(self._path, where)


def _place(written: int, turn: OldTurn, thread: OldThread, log: OldLog) -> tuple[str, bool, int, int, str]:
    try:
        created = moment(turn.created_at)
    except Unreadable:
        created = ""
    return created, turn.id == thread.latest_turn_id, log.turns.get(turn.id, 0), written, turn.id


def _completed(item: Item, old: OldItem, log: OldLog) -> Item:
    """The item with what only the log knew, or its summary still tells."""
    if not item.detail and item.kind in _MESSAGES and item.id in log.texts:
        return replace(item, detail=log.texts[item.id])
    if item.kind not in TOOL_KINDS or item.call is not None:
        return item
    call = log.calls.get(item.id)
    if call is None:
        name = item.summary.split(":", 1)[0].split(" ", 1)[0]
        unended = old.status in ("queued", "in_progress")
        call = ToolCall(
            id=f"call_{item.id}", name=name or item.kind, arguments=(old.detail if unended else None) or "{}"
        )
    return replace(item, call=call)


def _stepped(items: list[Item]) -> Iterator[Item]:
    """The items with the model call each belongs to: a new one begins when the model speaks after a call, after it has
    spoken, or after a person did. Items that say so themselves (an export of ours) are left alone."""
    step, last = 0, "said"
    for item in items:
        if item.step is not None:
            step, last = max(step, item.step), "said"
            yield item
            continue
        if item.kind == "user_message":
            last = "said"
        elif item.call is not None:
            step += last == "said"
            last = "called"
        elif item.kind in _MESSAGES:
            thought = item.kind == "agent_reasoning"
            step += last != "thought" or thought
            last = "thought" if thought else "spoke"
        else:
            yield item
            continue
        yield replace(item, step=step)
