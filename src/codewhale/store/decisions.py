"""The decisions of the gate, read from the log: newest first, each with what a person answered to it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

import msgspec

from codewhale.domain.decisions import CallDecided, Decided, DecisionQuery
from codewhale.domain.events import ApprovalDecided, ApprovalTimeout
from codewhale.store.sql import Sql

_decided = msgspec.json.Decoder(CallDecided).decode
_answer = msgspec.json.Decoder(ApprovalDecided).decode
_late = msgspec.json.Decoder(ApprovalTimeout).decode
_GATE = "event IN ('call.decided', 'approval.decided', 'approval.timeout')"
_Answers = dict[tuple[str, str], ApprovalDecided | None]


class DecisionReader:
    """Queries over the log's decisions."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Sql]]) -> None:
        self._transaction = transaction

    def __call__(self, query: DecisionQuery) -> list[Decided]:
        """The newest that fit the query. Costs the decisions that are newer than the last one given."""
        where = f"{_GATE} AND thread_id = ?1" if query.thread_id is not None else f"{_GATE} AND ?1 IS NULL"
        found: list[Decided] = []
        answers: _Answers = {}
        with self._transaction() as db:
            rows = db.execute(
                "SELECT seq, timestamp, thread_id, turn_id, item_id, event, payload FROM events"
                f" WHERE {where} ORDER BY seq DESC",
                (query.thread_id,),
            )
            for seq, timestamp, thread_id, turn_id, item_id, event, payload in rows:
                thread, content = cast(str, thread_id), cast(bytes, payload)
                if event == CallDecided.WIRE:
                    one = Decided(
                        seq=cast(int, seq),
                        timestamp=cast(str, timestamp),
                        thread_id=thread,
                        turn_id=cast(str, turn_id),
                        item_id=cast(str, item_id),
                        decision=_decided(content),
                    )
                    _take(found, one, answers, query)
                    if len(found) >= query.limit:
                        break
                elif event == ApprovalDecided.WIRE:
                    given = _answer(content)
                    answers[thread, given.approval_id] = given
                else:
                    answers[thread, _late(content).approval_id] = None
        return found


def _take(found: list[Decided], one: Decided, answers: _Answers, query: DecisionQuery) -> None:
    names = (f"{one.decision.call_id}~{one.item_id}", one.decision.call_id)
    if query.call_id is not None and query.call_id not in names:
        return
    name = next((name for name in names if (one.thread_id, name) in answers), None)
    if name is None:
        found.append(one)
        return
    answer = answers[one.thread_id, name]
    found.append(
        msgspec.structs.replace(
            one,
            outcome="timeout" if answer is None else answer.decision,
            outcome_reason=answer.reason if answer is not None else None,
            automatic=answer.auto if answer is not None else True,
        )
    )
