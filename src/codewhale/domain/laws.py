"""The laws of a well-formed thread log, checked in every golden and property test and by `codewhale store check`.

A turn starts and ends once, one at a time; items start inside it and end once before it ends, whole; a delta belongs to an
open item; a request is resolved at most once, in its turn; `seq` increases. `BORN_FINISHED` kinds may skip `item.started`. A
task leads from queued to one end; a due time has one row; a process ends once, told once. Only what there is can be left out
or taken back.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from codewhale.domain import events as e
from codewhale.domain.automations import NEVER_RAN, OPEN_OCCURRENCES, Occurrence
from codewhale.domain.processes import ProcessStatus
from codewhale.domain.records import Item
from codewhale.domain.tasks import OPEN_TASKS, Task

_Report = Callable[[str], None]

BORN_FINISHED = frozenset({"user_message", "status", "error"})


class _Book(Struct, kw_only=True):
    broken: list[str] = field(default_factory=list[str])
    seq: int = 0
    started: bool = False
    turns: dict[str, bool] = field(default_factory=dict[str, bool])
    items: dict[str, bool] = field(default_factory=dict[str, bool])
    item_turn: dict[str, str] = field(default_factory=dict[str, str])
    requests: dict[str, bool] = field(default_factory=dict[str, bool])
    open_turn: str | None = None
    task: Task | None = None
    automation: str | None = None
    deleted: bool = False
    processes: dict[str, ProcessStatus] = field(default_factory=dict[str, ProcessStatus])
    told: set[str] = field(default_factory=set[str])
    ledger: dict[str, Occurrence] = field(default_factory=dict[str, Occurrence])
    due: set[str] = field(default_factory=set[str])
    results: set[str] = field(default_factory=set[str])
    compactions: int = 0


def violations(events: Iterable[e.Event], *, complete: bool = True) -> list[str]:
    """Every broken law, in words with the `seq`; empty when well-formed. `events` are one thread's, in order, from its
    first. With `complete=False` open turns, items and requests at the end are allowed (a log still being written)."""
    book = _Book()
    for event in events:
        _check(book, event)
    if complete:
        book.broken += [f"turn {t} never ended" for t, is_open in book.turns.items() if is_open]
        book.broken += [f"item {i} never ended" for i, is_open in book.items.items() if is_open]
        book.broken += [f"request {r} never resolved" for r, is_open in book.requests.items() if is_open]
    return book.broken


def _check(book: _Book, event: e.Event) -> None:
    def broken(what: str) -> None:
        book.broken.append(f"seq {event.seq}: {what}")

    if event.seq <= book.seq:
        broken(f"seq does not increase (after {book.seq})")
    book.seq = event.seq
    payload = event.decode()
    if isinstance(payload, e.TaskUpdated):
        _task(book, event, payload, broken)
    elif isinstance(payload, e.AutomationUpdated):
        _automation(book, event, payload, broken)
    elif isinstance(payload, e.OccurrenceUpdated):
        _occurrence(book, event, payload.occurrence, broken)
    elif isinstance(payload, e.ProcessStarted | e.ProcessEnded | e.ProcessTold):
        _process(book, event, payload, broken)
    else:
        _thread(book, event, payload, broken)


def _thread(book: _Book, event: e.Event, payload: e.Payload, broken: _Report) -> None:
    match payload:
        case e.ThreadStarted() | e.ThreadForked():
            if book.started:
                broken("thread started twice")
            book.started = True
            if isinstance(payload, e.ThreadForked):
                _copied(book, payload)
        case _ if not book.started:
            broken("first event is not thread.started or thread.forked")
        case e.ThreadUpdated() if payload.turns or payload.items:
            if book.turns:
                broken("a history was copied into a thread that has one")
            _copied(book, payload)
        case e.TurnStarted():
            _turn_started(book, payload, broken)
        case e.TurnCompleted():
            _turn_completed(book, payload, broken)
        case _ if event.turn_id is not None:
            _inside_turn(book, event, payload, broken)
        case _:
            pass


def _task(book: _Book, event: e.Event, payload: e.TaskUpdated, broken: _Report) -> None:
    task, before = payload.task, book.task
    if book.started or task.id != event.thread_id:
        broken(f"task {task.id} on the stream {event.thread_id}")
    if (before is None) != (payload.change == "queued"):
        broken(f"task {task.id}: {payload.change} " + ("first" if before is None else "again"))
    if before is not None and before.status not in OPEN_TASKS:
        broken(f"task {task.id} changed after it had ended")
    if before is not None and before.status == "running" and task.status == "queued":
        broken(f"task {task.id} went back into the queue")
    book.task = task


def _process(
    book: _Book, event: e.Event, payload: e.ProcessStarted | e.ProcessEnded | e.ProcessTold, broken: _Report
) -> None:
    if not book.started or (event.turn_id is not None and event.turn_id != book.open_turn):
        broken(f"{event.event} outside an open turn")
    if isinstance(payload, e.ProcessTold):
        if book.processes.get(payload.process_id, "running") == "running":
            broken(f"the end of process {payload.process_id} was told before there was one")
        if payload.process_id in book.told:
            broken(f"the end of process {payload.process_id} was told twice")
        book.told.add(payload.process_id)
        return
    process, before = payload.process, book.processes.get(payload.process.id)
    if (before is None) != isinstance(payload, e.ProcessStarted):
        broken(f"{event.event} of {process.id} " + ("without a start" if before is None else "again"))
    elif before is not None and before != "running":
        broken(f"process {process.id} ended twice")
    book.processes[process.id] = process.status


def _copied(book: _Book, payload: e.ThreadForked | e.ThreadUpdated) -> None:
    book.turns.update((t.id, False) for t in payload.turns)
    book.items.update((i.id, False) for i in payload.items)
    for item in payload.items:
        _compacted(book, item, lambda _: None)


def _automation(book: _Book, event: e.Event, payload: e.AutomationUpdated, broken: _Report) -> None:
    automation = payload.automation
    if automation.id != event.thread_id:
        broken(f"automation {automation.id} on the stream {event.thread_id}")
    if (book.automation is None) != (payload.change == "created"):
        broken(f"automation {automation.id}: {payload.change} " + ("first" if book.automation is None else "again"))
    if book.deleted:
        broken(f"automation {automation.id} changed after it was deleted")
    book.automation = automation.id
    book.deleted = payload.change == "deleted"


def _occurrence(book: _Book, event: e.Event, after: Occurrence, broken: _Report) -> None:
    before = book.ledger.get(after.id)
    if after.automation_id != event.thread_id or book.automation is None:
        broken(f"occurrence {after.id} of {after.automation_id} on the stream {event.thread_id}")
    if before is None and after.trigger == "schedule" and after.scheduled_for in book.due:
        broken(f"due time {after.scheduled_for} claimed twice")
    if before is not None and before.status not in OPEN_OCCURRENCES | NEVER_RAN:
        broken(f"occurrence {after.id} changed after it had ended")
    if before is not None and before.status in NEVER_RAN and after.status != "queued":
        broken(f"occurrence {after.id} is {after.status} after {before.status}")
    if after.trigger == "schedule":
        book.due.add(after.scheduled_for)
    book.ledger[after.id] = after


def _turn_started(book: _Book, payload: e.TurnStarted, broken: _Report) -> None:
    if payload.turn.id in book.turns:
        broken(f"turn {payload.turn.id} started twice")
    if book.open_turn is not None:
        broken(f"turn {payload.turn.id} started while {book.open_turn} is open")
    book.turns[payload.turn.id] = True
    book.open_turn = payload.turn.id


def _turn_completed(book: _Book, payload: e.TurnCompleted, broken: _Report) -> None:
    turn = payload.turn
    if not book.turns.get(turn.id, False):
        broken(f"turn {turn.id} ended without being open")
    if turn.status in ("queued", "in_progress"):
        broken(f"turn {turn.id} ended as {turn.status}")
    for item_id, is_open in book.items.items():
        if is_open and book.item_turn.get(item_id) == turn.id:
            broken(f"turn {turn.id} ended while item {item_id} is open")
    for request_id, is_open in book.requests.items():
        if is_open:
            broken(f"turn {turn.id} ended while request {request_id} is open")
    missing = [i for i, t in book.item_turn.items() if t == turn.id and i not in turn.item_ids]
    if missing:
        broken(f"turn {turn.id} does not list its items {missing}")
    book.turns[turn.id] = False
    book.open_turn = None


def _inside_turn(book: _Book, event: e.Event, payload: e.Payload, broken: _Report) -> None:
    if event.turn_id != book.open_turn:
        broken(f"{event.event} outside an open turn")
    match payload:
        case e.ItemStarted():
            if payload.item.id in book.items:
                broken(f"item {payload.item.id} started twice")
            book.items[payload.item.id] = True
            book.item_turn[payload.item.id] = payload.item.turn_id
        case e.ItemCompleted() | e.ItemFailed() | e.ItemInterrupted():
            _item_ended(book, payload.item, broken)
        case e.ItemDelta():
            if not book.items.get(event.item_id or "", False):
                broken(f"delta for item {event.item_id}, which is not open")
        case e.CallDecided():
            if not book.items.get(event.item_id or "", False):
                broken(f"decision on the call of item {event.item_id}, which is not open")
        case _:
            _request(book, payload, broken)


def _request(book: _Book, payload: e.Payload, broken: _Report) -> None:
    match payload:
        case e.ApprovalRequired() | e.UserInputRequired():
            if payload.id in book.requests:
                broken(f"request {payload.id} opened twice")
            book.requests[payload.id] = True
        case e.ToolCallRequested():
            if payload.call_id in book.requests:
                broken(f"request {payload.call_id} opened twice")
            book.requests[payload.call_id] = True
        case e.ApprovalDecided() | e.ApprovalTimeout():
            _resolved(book, payload.approval_id, broken)
        case e.UserInputAnswered() | e.UserInputCanceled():
            _resolved(book, payload.id, broken)
        case e.ToolCallResolved() | e.ToolCallCanceled() | e.ToolCallTimeout():
            _resolved(book, payload.call_id, broken)
        case _:
            pass


def _item_ended(book: _Book, item: Item, broken: _Report) -> None:
    known = book.items.get(item.id)
    if known is None and item.kind not in BORN_FINISHED:
        broken(f"item {item.id} ended without having started")
    if known is False:
        broken(f"item {item.id} ended twice")
    if item.status in ("queued", "in_progress"):
        broken(f"item {item.id} ended as {item.status}")
    book.items[item.id] = False
    book.item_turn[item.id] = item.turn_id
    _compacted(book, item, broken)


def _compacted(book: _Book, item: Item, broken: _Report) -> None:
    """A line stands for the result of a call that ended, and only a compaction that is in force can be taken back."""
    if item.call is not None:
        book.results.add(item.call.id)
    if item.kind != "context_compaction" or item.status != "completed":
        return
    done = item.compaction
    if done is None or done.act != "restored":
        book.compactions += item.summarizes or done is not None
    elif not book.compactions:
        broken(f"item {item.id} takes back a compaction that is not there")
    else:
        book.compactions -= 1
    strangers = [call_id for call_id in (done.pruned if done is not None else ()) if call_id not in book.results]
    if strangers:
        broken(f"item {item.id} leaves out results that there are not: {strangers}")


def _resolved(book: _Book, request_id: str, broken: _Report) -> None:
    if not book.requests.get(request_id, False):
        broken(f"request {request_id} resolved without being open")
    book.requests[request_id] = False
