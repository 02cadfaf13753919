"""Runs the calls of one step: parse, decide, ask, run, record. Every call ends with a result, whatever happens.

Contiguous reading calls run together (at most 8); anything else runs alone, in model order. Results are recorded in
model order. A call with effects starts only after its start is durable, so that a crash can never hide it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from codewhale.domain import events as e
from codewhale.domain.errors import StoreError, ToolError
from codewhale.domain.records import Item, ToolCall
from codewhale.domain.requests import APPROVAL_TIMEOUT_SECS, Answer, ClientCall, ClientTool, UserInput
from codewhale.domain.tools import ToolOutput
from codewhale.engine.client_tools import arguments_of, run_client_tool
from codewhale.engine.judging import judged, stamped
from codewhale.engine.outputs import bounded
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.engine.requests import RequestDesk, approval, approved, question
from codewhale.policy.decide import PlannedCall, Posture, decide
from codewhale.tools.registry import find, item_kind, unknown_tool
from codewhale.tools.schema import parse_arguments
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes

PARALLEL_READS = 8
READ_ONLY = frozenset({"read"})


class CallRoom(Struct, frozen=True, kw_only=True):
    """Where calls run: what they may touch, which tools were offered, and how much is allowed (asked anew per call)."""

    files: Files
    processes: Processes
    offered: frozenset[str]
    posture: Callable[[], Posture]
    desk: RequestDesk
    client_tools: Mapping[str, ClientTool] = {}


class _Planned(Struct, kw_only=True):
    """A call ready to be judged, or the problem that it has."""

    call: ToolCall
    tool: Tool | None = None
    arguments: Struct | None = None
    subject: PlannedCall | None = None
    client: ClientCall | None = None
    problem: str | None = None


async def run_calls(recorder: TurnRecorder, room: CallRoom, calls: Sequence[ToolCall]) -> list[Item]:
    """Run the calls; their finished items in model order. When cancelled, calls not yet run are recorded as such."""
    waiting = [_plan(call, room) for call in calls]
    done: list[Item] = []
    try:
        while waiting:
            batch = _next_batch(waiting, room.posture())
            done += await _run_batch(recorder, room, batch)
            del waiting[: len(batch)]
    except asyncio.CancelledError:
        started = recorder.calls_of_step()
        for planned in waiting:
            if planned.call.id not in started:
                _open(recorder, planned.call)
        raise
    return done


def _plan(call: ToolCall, room: CallRoom) -> _Planned:
    if call.name in room.client_tools:
        return _plan_client(call, room.client_tools[call.name])
    tool = find(call.name) if call.name in room.offered else None
    if tool is None:
        return _Planned(call=call, problem=unknown_tool(call.name, sorted(room.offered | room.client_tools.keys())))
    try:
        arguments = parse_arguments(tool, call.arguments)
    except ToolError as error:
        return _Planned(call=call, tool=tool, problem=error.message)
    described = tool.describe(arguments) if tool.describe is not None else tool.name
    subject = PlannedCall(
        tool=tool.name,
        effects=tool.effects,
        default=tool.default,
        description=described,
        arguments=call.arguments,
        judged=judged(tool, arguments, room.files, room.processes),
    )
    return _Planned(call=call, tool=tool, arguments=arguments, subject=subject)


def _plan_client(call: ToolCall, tool: ClientTool) -> _Planned:
    try:
        arguments = arguments_of(call.name, call.arguments)
    except ToolError as error:
        return _Planned(call=call, problem=error.message)
    return _Planned(call=call, client=ClientCall(tool=tool.name, namespace=tool.namespace, arguments=arguments))


def _next_batch(waiting: Sequence[_Planned], posture: Posture) -> list[_Planned]:
    batch: list[_Planned] = []
    for planned in waiting[:PARALLEL_READS]:
        subject = planned.subject
        if subject is None or not subject.effects <= READ_ONLY or decide(subject, posture).verdict != "allow":
            break
        batch.append(planned)
    return batch or [waiting[0]]


async def _run_batch(recorder: TurnRecorder, room: CallRoom, batch: list[_Planned]) -> list[Item]:
    opened = [_open(recorder, planned.call) for planned in batch]
    if len(batch) == 1:
        output = await _run(recorder, room, batch[0], opened[0])
        return [
            await _close(recorder, opened[0], stamped(output, batch[0].subject.judged if batch[0].subject else None))
        ]
    outputs: dict[int, ToolOutput] = {}

    async def run(index: int) -> None:
        outputs[index] = await _run(recorder, room, batch[index], opened[index])

    async with asyncio.TaskGroup() as group:
        for index in range(len(batch)):
            group.create_task(run(index))
    return [await _close(recorder, item, outputs[index]) for index, item in enumerate(opened)]


async def _close(recorder: TurnRecorder, opened: OpenItem, output: ToolOutput) -> Item:
    text, blob = await bounded(recorder.ports.store, output.text)
    metadata = {**(output.metadata or {}), "output": blob} if blob is not None else output.metadata
    if output.is_error:
        return opened.fail(text, metadata=metadata)
    return opened.complete(text, metadata=metadata)


def _open(recorder: TurnRecorder, call: ToolCall) -> OpenItem:
    return recorder.open_item(item_kind(call.name), call=call)


async def _run(recorder: TurnRecorder, room: CallRoom, planned: _Planned, opened: OpenItem) -> ToolOutput:
    if planned.problem is not None:
        return _error(planned.problem, "invalid_input")
    if planned.client is not None:
        return await _run_client(recorder, room, planned.client, opened)
    assert planned.tool is not None
    assert planned.arguments is not None
    refusal = await _gate(recorder, room, planned, opened)
    if refusal is not None:
        return _error(refusal, "permission_denied")
    if not planned.tool.effects <= READ_ONLY and opened.started is not None:
        await opened.started

    async def ask(request: UserInput) -> tuple[Answer, ...]:
        answers = await question(room.desk, opened, recorder, request)
        if answers is None:
            raise ToolError("The person dismissed the question.", category="cancelled")
        return answers

    opened.running = True
    context = ToolContext(files=room.files, processes=room.processes, progress=opened.progress, ask=ask)
    try:
        return await planned.tool.run(planned.arguments, context)
    except ToolError as error:
        return _error(error.message, error.category)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - boundary: one broken tool call must not end the turn
        return _error(f"{planned.tool.name} broke: {type(error).__name__}: {error}", "execution_failed")


async def _run_client(recorder: TurnRecorder, room: CallRoom, call: ClientCall, opened: OpenItem) -> ToolOutput:
    """The client decides what its own tools may do, so no approval is asked for here."""
    try:
        return await run_client_tool(room.desk, opened, recorder, call)
    except ToolError as error:
        return _error(error.message, error.category)


async def _gate(recorder: TurnRecorder, room: CallRoom, planned: _Planned, opened: OpenItem) -> str | None:
    """None when the call may run, else what the model is told."""
    assert planned.subject is not None
    decision = decide(planned.subject, room.posture())
    if decision.verdict == "deny":
        return f"Not allowed: {decision.reason}."
    if decision.verdict == "allow" and decision.rule != "auto_approve":
        return None
    safety = planned.subject.judged
    required = e.ApprovalRequired(
        id=planned.call.id,
        approval_id=planned.call.id,
        tool_name=planned.subject.tool,
        description=planned.subject.description,
        input=msgspec.to_builtins(planned.arguments),
        expires_at=recorder.ports.clock.later(APPROVAL_TIMEOUT_SECS),
        matched_rule=decision.rule,
        safety_level=safety.verdict if safety is not None else None,
        safety_reason=safety.reason if safety is not None else None,
    )
    if decision.verdict == "allow":
        approved(room.desk, opened, recorder, required)
        return None
    reason = await approval(room.desk, opened, recorder, required)
    return None if reason is None else f"Denied: {reason}."


def _error(text: str, category: str) -> ToolOutput:
    return ToolOutput(text=text, metadata={"error": category}, is_error=True)
