"""How an event changes the read models, inside the transaction that records it.

Every statement touches a bounded number of rows: no work grows with the length of a thread. An event that breaks a law
(an id used twice, an end without a start) is `Refused` and changes nothing. Reading back is in `queries.py`; both must
agree with `domain/fold.py`, which the property tests check.
"""

import msgspec

from codewhale.domain import events as e
from codewhale.domain.fold import fold
from codewhale.domain.records import OPEN_STATUSES, Item, Thread, Turn, summarize
from codewhale.domain.views import PREVIEW_LIMIT, TITLE_LIMIT
from codewhale.store.automations import project_automation, project_occurrence
from codewhale.store.budgets import project_reserved, project_settled
from codewhale.store.failures import Refused
from codewhale.store.processes import project_process
from codewhale.store.sessions import (
    session_begun,
    session_changed,
    session_copied,
    session_item_ended,
    session_turn_ended,
)
from codewhale.store.sql import Row, Sql
from codewhale.store.tasks import project_task
from codewhale.store.usage import step_completed

UNTITLED = "New Thread"

_encode = msgspec.json.Encoder().encode
_MESSAGES = ("user_message", "agent_message")
_OPEN = "status IN ('queued', 'in_progress')"
_TEXTS = "own_title, turn_title, preview, model"


def project(db: Sql, seq: int, event: e.NewEvent) -> None:
    """Take one event into the read models. Raises `Refused`, or an `apsw.ConstraintError` that means the same."""
    payload = event.payload
    match payload:
        case e.ItemStarted() | e.ItemCompleted() | e.ItemFailed() | e.ItemInterrupted():
            _item(db, seq, event, payload)
        case e.StepCompleted() | e.BudgetReserved():
            _spent(db, seq, event, payload)
        case e.TurnStarted() | e.TurnCompleted() | e.TurnSteered():
            _turn(db, event, payload)
        case e.ThreadStarted() | e.ThreadForked():
            _thread_begun(db, seq, payload)
        case e.ThreadUpdated():
            _thread_changed(db, payload.thread)
            _copied(db, seq, payload)
        case e.CoherenceChanged():
            _thread_changed(db, payload.thread)
        case e.TaskUpdated() | e.AutomationUpdated() | e.OccurrenceUpdated():
            _worked(db, event, payload)
        case e.ProcessStarted() | e.ProcessEnded() | e.ProcessTold():
            project_process(db, event, payload)
        case _:
            _request(db, seq, event)


def _worked(db: Sql, event: e.NewEvent, payload: e.TaskUpdated | e.AutomationUpdated | e.OccurrenceUpdated) -> None:
    match payload:
        case e.TaskUpdated():
            project_task(db, event, payload)
        case e.AutomationUpdated():
            project_automation(db, event, payload)
        case e.OccurrenceUpdated():
            project_occurrence(db, event, payload)


def _spent(db: Sql, seq: int, event: e.NewEvent, payload: e.StepCompleted | e.BudgetReserved) -> None:
    if isinstance(payload, e.BudgetReserved):
        project_reserved(db, event, payload)
        return
    step_completed(db, seq, event, payload)
    project_settled(db, payload)


def title_of(own_title: str, turn_title: str) -> str:
    """What a thread is called: its own title, else its latest turn's, else a fixed word."""
    return own_title or turn_title or UNTITLED


def _thread_begun(db: Sql, seq: int, payload: e.ThreadStarted | e.ThreadForked) -> None:
    thread = payload.thread
    db.execute(
        "INSERT INTO threads (id, updated_at, latest_turn_id, archived, workspace, model, mode, own_title, turn_title,"
        " preview, preview_position, search, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', 0, '', ?)",
        (thread.id, *_columns(thread)),
    )
    session_begun(db, thread)
    if isinstance(payload, e.ThreadForked):
        _copied(db, seq, payload)
    texts = db.execute(f"SELECT {_TEXTS} FROM threads WHERE id = ?", (thread.id,)).fetchall()
    _index_texts(db, thread.id, texts)


def _copied(db: Sql, seq: int, payload: e.ThreadForked | e.ThreadUpdated) -> None:
    """The turns and items that a thread got by copy."""
    thread_id = payload.thread.id
    for turn in payload.turns:
        _insert_turn(db, turn)
    for item in payload.items:
        position = _insert_item(db, seq, thread_id, item, is_open=item.status in OPEN_STATUSES)
        _preview(db, thread_id, item, position)
    if payload.turns:
        title = summarize(payload.turns[-1].input_summary.strip(), TITLE_LIMIT)
        renewed = db.execute(
            f"UPDATE threads SET turn_title = ? WHERE id = ? RETURNING {_TEXTS}", (title, thread_id)
        ).fetchall()
        _index_texts(db, thread_id, renewed)
    session_copied(db, thread_id, payload.turns, payload.items)


def _thread_changed(db: Sql, thread: Thread) -> None:
    changed = db.execute(
        "UPDATE threads SET updated_at = ?, latest_turn_id = ?, archived = ?, workspace = ?, model = ?, mode = ?,"
        f" own_title = ?, record = ? WHERE id = ? RETURNING {_TEXTS}",
        (*_columns(thread), thread.id),
    ).fetchall()
    _index_texts(db, thread.id, changed)
    session_changed(db, thread)


def _columns(thread: Thread) -> tuple[str, str | None, bool, str, str, str, str, bytes]:
    return (
        thread.updated_at,
        thread.latest_turn_id,
        thread.archived,
        thread.workspace,
        thread.model,
        thread.mode,
        summarize((thread.title or "").strip(), TITLE_LIMIT),
        _encode(thread),
    )


def _index_texts(db: Sql, thread_id: str, rows: list[Row]) -> None:
    """Renew what a search looks through, from the thread's one row of `_TEXTS`."""
    if not rows:
        raise Refused(f"Thread {thread_id} does not exist.")
    own_title, turn_title, preview, model = (str(part) for part in rows[0])
    search = "\n".join((thread_id, title_of(own_title, turn_title), preview, model)).casefold()
    db.execute("UPDATE threads SET search = ? WHERE id = ?", (search, thread_id))


def _turn(db: Sql, event: e.NewEvent, payload: e.TurnStarted | e.TurnCompleted | e.TurnSteered) -> None:
    if isinstance(payload, e.TurnSteered):
        db.execute("UPDATE turns SET steer_count = steer_count + 1 WHERE id = ?", (payload.turn_id,))
        _expect(db, f"Turn {payload.turn_id} does not exist.")
        return
    turn = payload.turn
    if turn.thread_id != event.thread_id:
        raise Refused(f"Turn {turn.id} belongs to thread {turn.thread_id}, not to {event.thread_id}.")
    if isinstance(payload, e.TurnStarted):
        _insert_turn(db, turn)
        renewed = db.execute(
            f"UPDATE threads SET latest_turn_id = ?, updated_at = ?, turn_title = ? WHERE id = ? RETURNING {_TEXTS}",
            (turn.id, event.timestamp, summarize(turn.input_summary.strip(), TITLE_LIMIT), turn.thread_id),
        ).fetchall()
        _index_texts(db, turn.thread_id, renewed)
        return
    db.execute(
        f"UPDATE turns SET status = ?, steer_count = ?, record = ? WHERE id = ? AND thread_id = ? AND {_OPEN}",
        (turn.status, turn.steer_count, _encode(turn), turn.id, turn.thread_id),
    )
    _expect(db, f"Turn {turn.id} is not open, so it cannot end.")
    db.execute(
        "UPDATE threads SET latest_turn_id = ?, updated_at = ? WHERE id = ?",
        (turn.id, event.timestamp, turn.thread_id),
    )
    session_turn_ended(db, turn)


def _insert_turn(db: Sql, turn: Turn) -> None:
    db.execute(
        "INSERT INTO turns (id, thread_id, status, steer_count, record) VALUES (?, ?, ?, ?, ?)",
        (turn.id, turn.thread_id, turn.status, turn.steer_count, _encode(turn)),
    )


def _item(
    db: Sql,
    seq: int,
    event: e.NewEvent,
    payload: e.ItemStarted | e.ItemCompleted | e.ItemFailed | e.ItemInterrupted,
) -> None:
    item = payload.item
    if isinstance(payload, e.ItemStarted):
        _insert_item(db, seq, event.thread_id, item, is_open=True)
        return
    moved = db.execute(
        "UPDATE items SET open = 0, ended_at = ?, last_seq = ?, record = ?"
        " WHERE id = ? AND turn_id = ? AND thread_id = ? AND open = 1 RETURNING position",
        (item.ended_at or event.timestamp, seq, _encode(item), item.id, item.turn_id, event.thread_id),
    ).get
    position = moved if isinstance(moved, int) else _insert_item(db, seq, event.thread_id, item, is_open=False)
    _preview(db, event.thread_id, item, position)
    session_item_ended(db, event.thread_id, item)


def _insert_item(db: Sql, seq: int, thread_id: str, item: Item, *, is_open: bool) -> int:
    """Insert a new item; its position. One that is born finished has no deltas, so it counts as pruned."""
    position = db.execute(
        "INSERT INTO items (id, thread_id, turn_id, open, ended_at, first_seq, last_seq, pruned, record)"
        " SELECT ?, thread_id, id, ?, ?, ?, ?, ?, ? FROM turns WHERE id = ? AND thread_id = ? RETURNING position",
        (item.id, is_open, item.ended_at, seq, seq, not is_open, _encode(item), item.turn_id, thread_id),
    ).get
    if not isinstance(position, int):
        raise Refused(f"Item {item.id} names turn {item.turn_id}, which thread {thread_id} does not have.")
    return position


def _preview(db: Sql, thread_id: str, item: Item, position: int) -> None:
    if item.kind not in _MESSAGES:
        return
    text = summarize((item.detail or item.summary).strip(), PREVIEW_LIMIT)
    if not text:
        return
    newer = db.execute(
        "UPDATE threads SET preview = ?, preview_position = ? WHERE id = ? AND preview_position <= ?"
        f" RETURNING {_TEXTS}",
        (text, position, thread_id, position),
    ).fetchall()
    if newer:
        _index_texts(db, thread_id, newer)


def _request(db: Sql, seq: int, event: e.NewEvent) -> None:
    """Requests opened and resolved; any other event changes no read model."""
    match event.payload:
        case e.ApprovalRequired(id=request_id) | e.UserInputRequired(id=request_id):
            _request_opened(db, seq, event, request_id)
        case e.ToolCallRequested(call_id=request_id):
            _request_opened(db, seq, event, request_id)
        case e.ApprovalDecided(approval_id=request_id) | e.ApprovalTimeout(approval_id=request_id):
            _request_resolved(db, event, request_id)
        case e.UserInputAnswered(id=request_id) | e.UserInputCanceled(id=request_id):
            _request_resolved(db, event, request_id)
        case (
            e.ToolCallResolved(call_id=request_id)
            | e.ToolCallCanceled(call_id=request_id)
            | e.ToolCallTimeout(call_id=request_id)
        ):
            _request_resolved(db, event, request_id)
        case _:
            pass


def _request_opened(db: Sql, seq: int, event: e.NewEvent, request_id: str) -> None:
    request = fold([e.recorded(seq, event)]).requests[request_id]
    db.execute(
        "INSERT INTO requests (id, thread_id, open, record) VALUES (?, ?, 1, ?)",
        (request_id, event.thread_id, _encode(request)),
    )


def _request_resolved(db: Sql, event: e.NewEvent, request_id: str) -> None:
    db.execute(
        "UPDATE requests SET open = 0 WHERE id = ? AND thread_id = ? AND open = 1", (request_id, event.thread_id)
    )
    _expect(db, f"Request {request_id} is not open, so it cannot be resolved.")


def _expect(db: Sql, otherwise: str) -> None:
    if db.changes() != 1:
        raise Refused(otherwise)
