"""Runs the calls of one step: parse, decide, ask, run, record. Every call ends with a result, whatever happens.

Contiguous reading calls run together (at most 8); anything else runs alone, in model order. Results are recorded in
model order. A call with effects starts only after its start is durable, so that a crash can never hide it.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

from msgspec.structs import replace

from codewhale.domain.errors import StoreError, ToolError
from codewhale.domain.records import Item, ToolCall
from codewhale.domain.requests import ClientCall, UserInput
from codewhale.domain.tool_search import FindTools
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Origin, R, Wish
from codewhale.engine.client_tools import run_client_tool
from codewhale.engine.gate import Cleared, gate, reopened
from codewhale.engine.harmless import read_only
from codewhale.engine.judging import stamped
from codewhale.engine.outputs import bounded
from codewhale.engine.planning import Planned, advised, brought_in, plans
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.engine.refusals import record_refusal
from codewhale.engine.requests import question
from codewhale.engine.room import CallRoom
from codewhale.policy.decide import Posture, decide
from codewhale.tools.registry import item_kind
from codewhale.tools.tool import Ask, ToolContext
from codewhale.workspace.processes import Processes

PARALLEL_READS = 8
READ_ONLY = frozenset({"read"})


async def run_calls(recorder: TurnRecorder, room: CallRoom, calls: Sequence[ToolCall]) -> list[Item]:
    """Run the calls; their finished items in model order. When cancelled, calls not yet run are recorded as such."""
    waiting = plans(calls, room)
    if any(planned.subject is not None and "execute" in planned.subject.effects for planned in waiting):
        await room.processes.settle_tier()
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


def _next_batch(waiting: Sequence[Planned], posture: Posture) -> list[Planned]:
    batch: list[Planned] = []
    for planned in waiting[:PARALLEL_READS]:
        subject = planned.subject
        if subject is None or not subject.effects <= READ_ONLY or decide(subject, posture).verdict != "allow":
            break
        batch.append(planned)
    return batch or [waiting[0]]


async def _run_batch(recorder: TurnRecorder, room: CallRoom, batch: list[Planned]) -> list[Item]:
    opened = [_open(recorder, planned.call) for planned in batch]
    if len(batch) == 1:
        output = await _run(recorder, room, batch[0], opened[0])
        output = stamped(output, batch[0].subject.judged if batch[0].subject else None)
        return [await _close(recorder, opened[0], brought_in(output, batch[0]))]
    outputs: dict[int, ToolOutput] = {}

    async def run(index: int) -> None:
        outputs[index] = await _run(recorder, room, batch[index], opened[index])

    async with asyncio.TaskGroup() as group:
        for index in range(len(batch)):
            group.create_task(run(index))
    return [await _close(recorder, item, brought_in(outputs[at], batch[at])) for at, item in enumerate(opened)]


async def _close(recorder: TurnRecorder, opened: OpenItem, output: ToolOutput) -> Item:
    text, blob = await bounded(recorder.ports, output.text)
    metadata = {**(output.metadata or {}), "output": blob} if blob is not None else output.metadata
    if output.is_error:
        return opened.fail(text, metadata=metadata)
    return opened.complete(text, metadata=metadata)


def _open(recorder: TurnRecorder, call: ToolCall) -> OpenItem:
    return recorder.open_item(item_kind(call.name), call=call)


async def _run(recorder: TurnRecorder, room: CallRoom, planned: Planned, opened: OpenItem) -> ToolOutput:
    if planned.problem is not None:
        return _error(planned.problem, "invalid_input")
    if planned.client is not None:
        return await _run_client(recorder, room, planned.client, opened)
    planned, context = await advised(room, planned)
    if planned.problem is not None:
        return _error(planned.problem, "invalid_input")
    assert planned.subject is not None
    cleared = await gate(recorder, room, planned, opened)
    if not isinstance(cleared, Cleared):
        return _error(cleared, "permission_denied")
    await room.watches.call_cleared(planned.subject)
    output = await _work(recorder, room, planned, opened, cleared)
    record_refusal(recorder, opened, planned.call.id, planned.subject.tool, output)
    if context:
        output = replace(output, text=f"{output.text}\n{context}")
    return await room.watches.call_ended(planned.subject, output)


async def _work(
    recorder: TurnRecorder, room: CallRoom, planned: Planned, opened: OpenItem, cleared: Cleared
) -> ToolOutput:
    assert planned.tool is not None
    assert planned.arguments is not None
    if not planned.tool.effects <= READ_ONLY and opened.started is not None:
        await opened.started
    changed = reopened(recorder, room, planned, cleared)
    if changed is not None:
        return _error(changed, "permission_denied")
    opened.running = True
    processes = _processes(room, planned, cleared)
    ask = _asker(recorder, room, planned, opened)
    context = ToolContext(files=room.files, processes=processes, web=room.web, progress=opened.progress, ask=ask)
    try:
        return await planned.tool.run(planned.arguments, context)
    except ToolError as error:
        return _error(error.message, error.category)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - boundary: one broken tool call must not end the turn
        return _error(f"{planned.tool.name} broke: {type(error).__name__}: {error}", "execution_failed")


def _asker(recorder: TurnRecorder, room: CallRoom, planned: Planned, opened: OpenItem) -> Ask:
    """Has the call's wishes granted: by the catalogue, the person, or the runtime."""
    origin = Origin(
        thread_id=recorder.turn.thread_id,
        turn_id=recorder.turn.id,
        item_id=opened.item.id,
        call_id=planned.call.id,
        workspace=room.files.root,
    )

    async def ask(wish: Wish[R]) -> R:
        if isinstance(wish, FindTools):
            return cast("R", room.catalogue.search(wish))
        if not isinstance(wish, UserInput):
            if opened.started is not None:
                await opened.started  # whoever grants it reads the log: all before this call is in it
            return await room.grant(wish, origin)
        answers = await question(room.desk, opened, recorder, wish)
        if answers is None:
            raise ToolError("The person dismissed the question.", category="cancelled")
        return cast("R", answers)

    return ask


def _processes(room: CallRoom, planned: Planned, cleared: Cleared) -> Processes:
    """What starts the call's programs, with the variables that hooks give it; what was only cleared as harmless is held to
    that."""
    if cleared.decision.read_only:
        return read_only(room.processes, room.files.root)
    given = planned.subject.environ if planned.subject is not None else ()
    return room.processes.extended(dict(given)) if given else room.processes


async def _run_client(recorder: TurnRecorder, room: CallRoom, call: ClientCall, opened: OpenItem) -> ToolOutput:
    """The client decides what its own tools may do, so no approval is asked for here."""
    try:
        return await run_client_tool(room.desk, opened, recorder, call)
    except ToolError as error:
        return _error(error.message, error.category)


def _error(text: str, category: str) -> ToolOutput:
    return ToolOutput(text=text, metadata={"error": category}, is_error=True)
