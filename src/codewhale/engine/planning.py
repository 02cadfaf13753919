"""What a call is before it runs: its tool and arguments, or the problem that it has."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.domain.records import ToolCall
from codewhale.domain.requests import ClientCall, ClientTool
from codewhale.domain.tools import ToolOutput
from codewhale.engine.client_tools import arguments_of
from codewhale.engine.judging import planned_call
from codewhale.engine.room import CallRoom
from codewhale.policy.decide import PlannedCall
from codewhale.tools.activation import ACTIVATED
from codewhale.tools.schema import parse_arguments
from codewhale.tools.tool import Tool


class Planned(Struct, kw_only=True):
    """A call ready to be judged, or the problem that it has."""

    call: ToolCall
    tool: Tool | None = None
    arguments: Struct | None = None
    subject: PlannedCall | None = None
    client: ClientCall | None = None
    problem: str | None = None
    found: bool = False
    """Whether it is a tool that the request did not carry: it does from the next step on."""


MOST_CALLS = 128
"""Calls of one answer that may run."""
_TOO_MANY = (
    f"Not run, and neither was any call after it: one answer may have at most {MOST_CALLS} calls. "
    "Ask for what is still needed in the next answer."
)


def plans(calls: Sequence[ToolCall], room: CallRoom) -> list[Planned]:
    """All calls of one answer; those beyond the most that may run have that as their problem."""
    beyond = [Planned(call=call, problem=_TOO_MANY) for call in calls[MOST_CALLS:]]
    return [*(plan(call, room) for call in calls[:MOST_CALLS]), *beyond]


def plan(call: ToolCall, room: CallRoom) -> Planned:
    if call.name in room.client_tools:
        return _plan_client(call, room.client_tools[call.name])
    tool = room.catalogue.tool(call.name)
    if tool is None:
        return Planned(call=call, problem=room.catalogue.refusal(call.name, tuple(room.client_tools)))
    planned = _plan_own(call, tool, room)
    planned.found = room.catalogue.hidden(call.name)
    if planned.found and planned.problem is not None:
        where = "\nIts schema is among your tools from now on." if room.catalogue.fits(call.name) else ""
        planned.problem += f"{where} Call it again."
    return planned


def _plan_own(call: ToolCall, tool: Tool, room: CallRoom) -> Planned:
    try:
        arguments = parse_arguments(tool, call.arguments)
        if tool.resolve is not None:
            arguments = tool.resolve(arguments, room.files)
    except ToolError as error:
        return Planned(call=call, tool=tool, problem=error.message)
    subject = planned_call(tool, arguments, call.arguments, room.files, room.processes, room.web)
    subject = replace(subject, call_id=call.id)
    return Planned(call=call, tool=tool, arguments=arguments, subject=subject)


def _plan_client(call: ToolCall, tool: ClientTool) -> Planned:
    try:
        arguments = arguments_of(call.name, call.arguments)
    except ToolError as error:
        return Planned(call=call, problem=error.message)
    return Planned(call=call, client=ClientCall(tool=tool.name, namespace=tool.namespace, arguments=arguments))


def brought_in(output: ToolOutput, planned: Planned) -> ToolOutput:
    """The output of a call with, in its metadata, the tool that it brings into the requests from here on."""
    if not planned.found:
        return output
    event: dict[str, object] = {ACTIVATED: [planned.call.name]}
    if planned.problem is not None:
        event |= {"event": "tool.schema_hydrated", "retry_required": True}
    return replace(output, metadata={**(output.metadata or {}), **event})


async def advised(room: CallRoom, planned: Planned) -> tuple[Planned, str]:
    """The call as those who watch the turn want it, and what they tell the model besides."""
    assert planned.tool is not None
    assert planned.subject is not None
    advice = await room.watches.call_planned(planned.subject)
    changed = next((one.arguments for one in reversed(advice) if one.arguments is not None), None)
    if changed is not None:
        planned = _plan_own(replace(planned.call, arguments=changed), planned.tool, room)
    if planned.subject is not None and advice:
        given = dict(pair for one in advice for pair in one.environ)
        planned.subject = replace(planned.subject, advice=advice, environ=tuple(sorted(given.items())))
    return planned, "\n".join(one.context for one in advice if one.context)
