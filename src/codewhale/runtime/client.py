"""The one door to the runtime for every surface: the same calls in process and over HTTP.

`Runtime` implements it in the owning process, `runtime.remote.RemoteClient` over the owner's HTTP API. Errors are the tree
of `domain/errors.py` in both: `NotFound`, `Conflict`, `InvalidInput`, `StoreError`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Protocol

from codewhale.domain.commands import NewThread, StartedTurn, ThreadPatch, TurnInput
from codewhale.domain.events import Event
from codewhale.domain.records import Thread, Turn
from codewhale.domain.requests import Answer, ApprovalDecision, ClientToolResult
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary

if TYPE_CHECKING:  # their shapes are not needed to start
    from codewhale.runtime.client_automations import AutomationClient
    from codewhale.runtime.client_introspection import IntrospectionClient
    from codewhale.runtime.client_policy import PolicyClient
    from codewhale.runtime.client_sessions import RewindClient, SessionsClient
    from codewhale.runtime.client_tasks import TaskClient


class Client(Protocol):
    """Commands and queries over threads. Whatever a command returns is durable when it returns."""

    @property
    def sessions(self) -> SessionsClient: ...

    @property
    def rewinds(self) -> RewindClient: ...

    @property
    def introspection(self) -> IntrospectionClient: ...

    @property
    def policy(self) -> PolicyClient: ...

    @property
    def tasks(self) -> TaskClient: ...

    @property
    def automations(self) -> AutomationClient: ...

    async def create_thread(self, new: NewThread) -> Thread: ...

    async def update_thread(self, thread_id: str, patch: ThreadPatch) -> Thread: ...

    async def resume_thread(self, thread_id: str) -> Thread: ...

    async def fork_thread(self, thread_id: str) -> Thread: ...

    async def start_turn(self, thread_id: str, given: TurnInput) -> StartedTurn:
        """Begin a turn. `Conflict` when the thread has an active one: the claim is atomic."""
        ...

    async def compact(self, thread_id: str, reason: str | None = None) -> StartedTurn:
        """Begin a turn that replaces the model's conversation by a summary of it. Errors as `start_turn`."""
        ...

    async def uncompact(self, thread_id: str) -> StartedTurn:
        """Begin a turn that takes back the last compaction: the model is sent again what that had replaced. `Conflict` when
        there is none, or the conversation would not fit into the model's window."""
        ...

    async def steer(self, thread_id: str, turn_id: str, prompt: str) -> Turn: ...

    async def interrupt(self, thread_id: str, turn_id: str) -> Turn: ...

    async def decide(
        self, approval_id: str, decision: ApprovalDecision, *, remember: bool = False, reason: str | None = None
    ) -> None:
        """Answer an approval; the first answer wins, a later one (or an unknown id) is `NotFound`. `reason` is in words
        for the log and, with a denial, for the model."""
        ...

    async def answer(self, thread_id: str, input_id: str, answers: Sequence[Answer]) -> None:
        """Answer a question of `request_user_input`; as with `decide`, once."""
        ...

    async def resolve_call(self, thread_id: str, turn_id: str, call_id: str, result: ClientToolResult) -> None:
        """Give the result of a call that the client ran; as with `decide`, once."""
        ...

    async def thread(self, thread_id: str) -> Thread: ...

    async def threads(self, filter: ThreadFilter) -> list[Thread]: ...

    async def summaries(self, filter: ThreadFilter) -> list[ThreadSummary]: ...

    async def snapshot(self, thread_id: str) -> ThreadSnapshot: ...

    def events(self, thread_id: str, *, after: int = 0) -> AsyncGenerator[list[Event], None]:
        """Batches of the thread's events from `after` on, stored then live; ends only when the caller stops it."""
        ...
