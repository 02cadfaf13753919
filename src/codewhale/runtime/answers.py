"""Answers to what the engine asked: approvals, questions, calls that the client runs. The first answer counts."""

from collections.abc import Sequence

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.requests import Answer, ApprovalDecision, ClientToolResult, RequestKind
from codewhale.domain.text import whole, whole_fields
from codewhale.engine.ports import Ports
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.requests import OpenRequest, RequestDesk
from codewhale.runtime.residents import Resident, Residents


class Answers:
    """Resolves the requests of a runtime's turns."""

    def __init__(self, ports: Ports, desk: RequestDesk, residents: Residents) -> None:
        self._ports = ports
        self._desk = desk
        self._residents = residents

    async def decide(
        self, approval_id: str, decision: ApprovalDecision, *, remember: bool, reason: str | None = None
    ) -> None:
        """Answer an approval. `remember` with allow lets the rest of this turn and later ones run unasked; what is denied is
        denied for the rest of the turn."""
        request = self._claim(approval_id, "approval", f"no pending approval with id '{approval_id}'")
        recorder = request.recorder
        words = None if reason is None else whole(reason)
        decided = e.ApprovalDecided(approval_id=approval_id, decision=decision, remember=remember, reason=words)
        if remember and decision == "allow":
            self._remember(recorder)
        if decision == "deny" and request.key is not None:
            self._refuse(recorder, request.key)
        await recorder.append(decided)

    async def answer(self, resident: Resident, input_id: str, answers: Sequence[Answer]) -> None:
        """Answer a question of this thread."""
        missing = f"no pending user input with id '{input_id}'"
        request = self._desk.look(input_id, "question")
        if request is None or request.recorder.turn.thread_id != resident.thread.id or request.user_input is None:
            raise NotFound(missing)
        asked = {question.id for question in request.user_input.questions}
        unknown = [answer.id for answer in answers if answer.id not in asked]
        if unknown:
            raise InvalidInput(f"no question with id '{unknown[0]}'; asked were {sorted(asked)}")
        self._claim(input_id, "question", missing)
        await request.recorder.append(e.UserInputAnswered(id=input_id, input_id=input_id, answers=tuple(answers)))

    async def resolve_call(self, resident: Resident, turn_id: str, call_id: str, result: ClientToolResult) -> None:
        """Give the result of a client-executed call of this turn."""
        missing = f"no pending tool call with id '{call_id}' on turn {turn_id}"
        request = self._desk.look(call_id, "client_tool")
        if (
            request is None
            or request.recorder.turn.id != turn_id
            or resident.thread.id != request.recorder.turn.thread_id
        ):
            raise NotFound(missing)
        self._claim(call_id, "client_tool", missing)
        content = tuple(whole_fields(part) for part in result.content)
        await request.recorder.append(
            e.ToolCallResolved(call_id=call_id, result_accepted=True, success=result.success, content=content)
        )

    def _claim(self, request_id: str, kind: RequestKind, missing: str) -> OpenRequest:
        request = self._desk.look(request_id, kind)
        if request is None:
            raise NotFound(missing)
        self._desk.take(request_id)
        return request

    def _refuse(self, recorder: TurnRecorder, key: str) -> None:
        """Exactly this call is not asked about again in this turn."""
        active = self._residents.get(recorder.turn.thread_id).active
        if active is not None:
            active.posture = replace(active.posture, denied=active.posture.denied | {key})

    def _remember(self, recorder: TurnRecorder) -> None:
        resident = self._residents.get(recorder.turn.thread_id)
        if resident.active is not None:
            resident.active.posture = replace(resident.active.posture, auto_approve=True)
        if not resident.thread.auto_approve:
            resident.thread = replace(resident.thread, auto_approve=True, updated_at=self._ports.clock.now())
            updated = e.ThreadUpdated(thread=resident.thread, changes={"auto_approve": True}, reason="remembered")
            self._ports.store.append(
                [e.NewEvent(timestamp=resident.thread.updated_at, thread_id=resident.thread.id, payload=updated)]
            )
