"""The store's port: one durable, append-only log and the read models folded from it in the same transaction.

Nothing outside `store/` knows SQL. `append` may be called from any point of the event loop's thread without awaiting;
reads are short, synchronous and see committed events only. `testing/store_kit.py` checks every implementation.
"""

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Protocol

from codewhale.domain.automations import Automation, Occurrence
from codewhale.domain.budgets import Account, Amount
from codewhale.domain.decisions import Decided, DecisionQuery
from codewhale.domain.errors import StoreError
from codewhale.domain.events import Event, NewEvent
from codewhale.domain.processes import Process
from codewhale.domain.receipts import Receipt, RequestKey
from codewhale.domain.records import Item, Thread, Turn
from codewhale.domain.requests import Request
from codewhale.domain.tasks import Task, TaskFilter, TaskList, TaskStatus
from codewhale.domain.usage import UsageQuery, UsageReport
from codewhale.domain.views import SessionFilter, SessionRow, ThreadFilter, ThreadSnapshot, ThreadSummary


class Ticket(Protocol):
    """Await it to know that the events are durable: the last `seq`, or the `StoreError` that stopped them."""

    @property
    def outcome(self) -> int | StoreError | None:
        """What it would give; None while the events are on their way."""
        ...

    def __await__(self) -> Generator[object, None, int]: ...


class TaskReads(Protocol):
    """The read model of tasks."""

    def get(self, task_id: str) -> Task | None: ...

    def matching(self, prefix: str) -> tuple[str | None, int]:
        """How many tasks have an id that begins with `prefix` (one, if it is a whole id), and the id if it is one."""
        ...

    def open(self) -> list[tuple[str, TaskStatus]]:
        """Ids and statuses of queued and running tasks, oldest first."""
        ...

    def listed(self, filter: TaskFilter) -> TaskList: ...

    def event_count(self, thread_id: str) -> int:
        """How many events the log has of a thread."""
        ...


class ProcessReads(Protocol):
    """The read model of background processes."""

    def get(self, process_id: str) -> Process | None: ...

    def open(self) -> list[Process]:
        """Those that have not ended, oldest first."""
        ...

    def of_thread(self, thread_id: str) -> list[Process]:
        """All of a thread, oldest first."""
        ...

    def untold(self, thread_id: str | None = None) -> list[Process]:
        """Those whose end the model has not been told of, oldest first; of all threads when `thread_id` is None."""
        ...


class SessionReads(Protocol):
    """The read model of sessions: threads that are not deleted."""

    def list(self, filter: SessionFilter) -> list[SessionRow]: ...

    def get(self, thread_id: str) -> SessionRow | None: ...


class AutomationReads(Protocol):
    """The read models of automations and their ledger."""

    def all(self) -> list[Automation]:
        """Every automation that is not deleted, the one changed last first."""
        ...

    def occurrences(self, automation_id: str, limit: int | None) -> list[Occurrence]:
        """Rows of the ledger, newest first; also those of a deleted automation."""
        ...

    def occurrence(self, occurrence_id: str) -> Occurrence | None: ...

    def open_occurrences(self) -> list[Occurrence]:
        """Rows whose task has not ended, oldest first."""
        ...

    def claimed(self, automation_id: str, first: str, last: str) -> list[Occurrence]:
        """The rows of due times from `first` up to `last`, in that order."""
        ...


class BudgetReads(Protocol):
    """Queries over what accounts used."""

    def used(self, account: Account) -> Amount:
        """Everything that is accounted for, and what calls could have used that never will be."""
        ...

    def seconds(self, account: Account) -> float:
        """The wall time of the account's turns that have ended."""
        ...


class Receipts(Protocol):
    """Requests that were carried out under an idempotency key. What is put here and what is appended keep their order: an
    effect is never on disk without the claim that was put before it."""

    def find(self, scope: str, key: str, *, now: str) -> Receipt | None: ...

    def claim(self, receipt: Receipt, *, now: str) -> Ticket:
        """Take the key, before anything is done."""
        ...

    def settle(self, request: RequestKey, status: int, body: bytes) -> Ticket:
        """Keep the answer of a claimed request."""
        ...

    def release(self, request: RequestKey) -> Ticket:
        """Give the key back: nothing was done."""
        ...


class Store(Protocol):
    """The log of one data directory and its read models."""

    @property
    def latest_seq(self) -> int:
        """The last committed `seq`; 0 when the log is empty."""
        ...

    def latest(self, thread_id: str, event: str) -> Event | None:
        """The thread's last committed event of this name."""
        ...

    @property
    def budgets(self) -> BudgetReads:
        """What budgets need to know."""
        ...

    @property
    def failure(self) -> StoreError | None:
        """Why the log takes no more events; None while it does."""
        ...

    @property
    def receipts(self) -> Receipts:
        """Requests carried out under an idempotency key."""
        ...

    def reopen(self) -> None:
        """Take events again after a failure; raises the `StoreError` that still stands in the way. Blocks: not for the
        event loop's thread."""
        ...

    def append(self, events: Sequence[NewEvent]) -> Ticket:
        """Hand over events to be recorded together and in order. Raises `StoreError` if the log has failed before."""
        ...

    def read(self, thread_id: str | None, *, after: int, limit: int) -> list[Event]:
        """Up to `limit` committed events with `seq > after`, in order; of all threads when `thread_id` is None."""
        ...

    def subscribe(self, thread_id: str | None, *, after: int) -> AsyncGenerator[list[Event], None]:
        """Batches of events with `seq > after`, stored ones first, then as they are committed; never ends by itself.
        Raises `StoreError` when the log fails."""
        ...

    def thread(self, thread_id: str) -> Thread | None: ...

    def threads(self, filter: ThreadFilter) -> list[Thread]: ...

    def summaries(self, filter: ThreadFilter) -> list[ThreadSummary]: ...

    def snapshot(self, thread_id: str) -> ThreadSnapshot | None:
        """The thread, its turns and items in order of creation, and the cursor, in one read transaction. An item that is
        still open has the text of its deltas as `detail`."""
        ...

    def turn(self, turn_id: str) -> Turn | None: ...

    def items(self, thread_id: str) -> list[Item]:
        """All items of the thread, in order of creation."""
        ...

    def usage(self, query: UsageQuery) -> UsageReport:
        """What the model calls of a window's turns used and cost, all from one point of the log."""
        ...

    def decisions(self, query: DecisionQuery) -> list[Decided]:
        """Decisions of the gate, newest first, each with the answer that it got."""
        ...

    def open_requests(self, thread_id: str | None = None) -> list[Request]: ...

    def request_known(self, request_id: str) -> bool:
        """Whether a request of this id was ever opened."""
        ...

    def threads_with_open_turns(self) -> list[str]:
        """Ids of the threads whose last turn has not ended (what recovery has to look at)."""
        ...

    @property
    def sessions(self) -> SessionReads: ...

    @property
    def tasks(self) -> TaskReads: ...

    @property
    def automations(self) -> AutomationReads: ...

    @property
    def processes(self) -> ProcessReads: ...

    def put_blob(self, content: bytes) -> str:
        """Keep a large output durably; the answer is its sha256 in hex. The same content is kept once."""
        ...

    def get_blob(self, digest: str) -> bytes | None: ...

    def close(self) -> None:
        """Commit what was appended, stop the writer and release the data directory."""
        ...
