"""Tools that the client runs: offered to the model like any other, run by whoever started the turn, answered through the log.

A call of one is a request: open from its event until its result, its time-out, or the end of the turn. Nothing here runs
anything.
"""

import asyncio
import re
from collections.abc import Collection, Sequence

import msgspec

from codewhale.domain import events as e
from codewhale.domain.errors import InvalidInput, ToolError
from codewhale.domain.messages import ToolSpec
from codewhale.domain.requests import (
    CLIENT_TOOL_TIMEOUT_SECS,
    CLIENT_TOOLS_PENDING,
    ClientCall,
    ClientTool,
    InputText,
    ResultContent,
)
from codewhale.domain.tools import ToolOutput
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.engine.requests import OpenRequest, RequestDesk, resolution
from codewhale.tools.lexical import check_lexical

MAX_TOOLS = 128
MAX_DEFINITIONS = 256 * 1024
"""Most bytes of JSON that the definitions of one turn may have together: all of it goes into every model call."""

_NAME = r"[A-Za-z0-9_-]{1,64}"


def named(tools: Sequence[ClientTool], taken: Collection[str]) -> dict[str, ClientTool]:
    """The tools by the name that the model sees. Raises `InvalidInput` for a name that is no name, or used twice (`taken` are
    the runtime's own), a schema that is not one of an object, or too much of it all."""
    if len(tools) > MAX_TOOLS:
        raise InvalidInput(f"dynamic_tools: at most {MAX_TOOLS} tools may be given, not {len(tools)}")
    found: dict[str, ClientTool] = {}
    for tool in tools:
        name = tool.name if tool.namespace is None else f"{tool.namespace}__{tool.name}"
        if re.fullmatch(_NAME, name) is None:
            raise InvalidInput(
                f"dynamic_tools: {name[:80]!r} is no tool name: 1 to 64 letters, digits, _ and -, the namespace included"
            )
        if name in found or name in taken:
            raise InvalidInput(f"dynamic_tools: there is already a tool {name}")
        if tool.input_schema.get("type") != "object":
            raise InvalidInput(f'dynamic_tools: the input_schema of {name} must have "type": "object"')
        found[name] = tool
    _check_size(tools)
    return found


def spec_of(name: str, tool: ClientTool) -> ToolSpec:
    """The tool as the model is shown it."""
    return ToolSpec(name=name, description=tool.description, parameters=tool.input_schema)


def arguments_of(name: str, text: str) -> dict[str, object]:
    """The arguments of a call, decoded. Their schema is the client's to check. Raises `ToolError` with a text for the model."""
    problem = check_lexical(text)
    if problem is None:
        try:
            return msgspec.json.decode(text, type=dict[str, object])
        except msgspec.MsgspecError as error:
            problem = f"the arguments are not a JSON object ({error})."
    raise ToolError(f"{name} was not run: {problem}", category="invalid_input")


async def run_client_tool(desk: RequestDesk, opened: OpenItem, recorder: TurnRecorder, call: ClientCall) -> ToolOutput:
    """Ask the client to run the call and wait for its result; silence is a failure. Raises `ToolError` when too many wait."""
    if desk.count("client_tool") >= CLIENT_TOOLS_PENDING:
        raise ToolError(f"{CLIENT_TOOLS_PENDING} calls wait for their client already.", category="not_available")
    ports = recorder.ports
    call_id = desk.place(opened, OpenRequest(kind="client_tool", recorder=recorder))
    recorder.request_opened(call_id, lambda reason: e.ToolCallCanceled(call_id=call_id, reason=reason))
    turn = recorder.turn
    announced = recorder.append(
        e.ToolCallRequested(
            thread_id=turn.thread_id,
            turn_id=turn.id,
            call_id=call_id,
            tool=call.tool,
            arguments=call.arguments,
            namespace=call.namespace,
            item_id=opened.item.id,
            expires_at=ports.clock.later(CLIENT_TOOL_TIMEOUT_SECS),
        )
    )
    opened.running = True  # a client that follows the log may run it before this task goes on
    seq = await announced
    deadline = asyncio.timeout(CLIENT_TOOL_TIMEOUT_SECS)
    try:
        async with deadline:
            return await _result(recorder, call_id, seq)
    except TimeoutError:
        if not deadline.expired():
            raise
    if desk.take(call_id) is None:  # the result came in the same moment: it is in the log and it counts
        return await _result(recorder, call_id, seq)
    recorder.append(e.ToolCallTimeout(call_id=call_id, timeout_secs=CLIENT_TOOL_TIMEOUT_SECS))
    raise ToolError(
        f"The client gave no result within {CLIENT_TOOL_TIMEOUT_SECS} s; whether it ran the call is not known.",
        category="timeout",
    )


async def _result(recorder: TurnRecorder, call_id: str, seq: int) -> ToolOutput:
    found = await resolution(recorder, (e.ToolCallResolved,), lambda payload: payload.call_id == call_id, after=seq)
    images = [part.image_url for part in found.content if not isinstance(part, InputText)]
    return ToolOutput(
        text="\n".join(map(_shown, found.content)),
        metadata={"client_tool": True, **({"images": len(images)} if images else {})},
        is_error=not found.success,
    )


def _shown(part: ResultContent) -> str:
    """A part as the model reads it. Images are told of, not shown: no model dialect here takes pictures yet."""
    if isinstance(part, InputText):
        return part.text
    where = part.image_url.partition(",")[0] if part.image_url.startswith("data:") else part.image_url
    return f"[image: {where[:200]}]"


def _check_size(tools: Sequence[ClientTool]) -> None:
    try:
        size = len(msgspec.json.encode(tools))
    except UnicodeEncodeError as error:
        raise InvalidInput("dynamic_tools: half of a surrogate pair is not text") from error
    if size > MAX_DEFINITIONS:
        raise InvalidInput(f"dynamic_tools: the definitions have {size} bytes; at most {MAX_DEFINITIONS} are taken")
