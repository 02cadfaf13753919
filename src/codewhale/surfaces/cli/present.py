"""From the events of one turn to what `codewhale exec` says: pieces of text, stream-json objects, one summary.

Pure: no I/O. `Progress` is the little that must be remembered between events; each event costs its own length only.
"""

from typing import cast

import msgspec
from msgspec import Struct, field

from codewhale.domain import events as e
from codewhale.domain.decisions import CallDecided
from codewhale.domain.records import Item, Turn, Usage
from codewhale.surfaces.cli.terminal import Piece

STREAM_SCHEMA = "codewhale.exec-stream"
STREAM_VERSION = 1
INCOMPLETE = 75
FAILED = 1
LINE_LIMIT = 160
PROBLEM_LIMIT = 800  # what to do about it comes last
DIFF_LINES = 200
ERROR_LINES = 8
OUTPUT_LINES = 8
_TOOLS = frozenset({"tool_call", "file_change", "command_execution"})
_TELLING = ("command", "path", "pattern", "query", "explanation", "file_path")

_delta = msgspec.json.Decoder(e.ItemDelta)


class ToolRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tool call of the turn, for the summary; `confined_by` when it started a program."""

    name: str
    success: bool
    output: str
    confined_by: str | None = None


class Left(Struct, frozen=True):
    """A command that the turn left running in the background; `keep`: it outlives the runtime."""

    command: str
    keep: bool


class Progress(Struct, kw_only=True):
    """What has been seen of the turn: its items so far, what was said, what runs in the background, and how it ended.
    `shown`: the items of which is said already what confines them. `alone`: the runtime ends with the turn."""

    thread_id: str
    turn_id: str
    model: str = ""
    prompt: str = ""
    mode: str = "one-shot"
    seq: int = 0
    streamed: set[str] = field(default_factory=set[str])
    shown: set[str] = field(default_factory=set[str])
    text_open: bool = False
    tools: dict[str, e.ToolStart] = field(default_factory=dict[str, e.ToolStart])
    runs: list[ToolRun] = field(default_factory=list[ToolRun])
    answers: list[str] = field(default_factory=list[str])
    waiting: dict[str, e.ApprovalRequired | e.UserInputRequired] = field(
        default_factory=dict[str, e.ApprovalRequired | e.UserInputRequired]
    )
    background: dict[str, Left] = field(default_factory=dict[str, Left])
    alone: bool = False
    problem: str = ""
    ended: Turn | None = None


def take(progress: Progress, event: e.Event) -> e.Payload | None:
    """Bring `progress` up to the event; its payload, or None when it is not of this turn or was seen before."""
    if event.seq <= progress.seq or event.turn_id != progress.turn_id:
        return None
    progress.seq = event.seq
    if event.event == e.ItemDelta.WIRE:
        return _delta.decode(event.payload)
    payload = event.decode()
    match payload:
        case e.ItemStarted():
            if payload.tool is not None:
                progress.tools[payload.item.id] = payload.tool
        case e.ItemCompleted() | e.ItemFailed() | e.ItemInterrupted():
            _ended_item(progress, payload.item)
        case e.ApprovalRequired() | e.UserInputRequired():
            progress.waiting[payload.id] = payload
            progress.shown.add(payload.item_id or "")
        case e.ApprovalDecided() | e.ApprovalTimeout():
            progress.waiting.pop(payload.approval_id, None)
        case e.UserInputAnswered() | e.UserInputCanceled():
            progress.waiting.pop(payload.id, None)
        case _:
            _advance(progress, payload)
    return payload


def _advance(progress: Progress, payload: e.Payload) -> None:
    if isinstance(payload, e.StepCompleted):
        progress.model = payload.model
    elif isinstance(payload, e.TurnCompleted):
        progress.ended = payload.turn


def _ended_item(progress: Progress, item: Item) -> None:
    if item.kind in _TOOLS:
        tool = progress.tools.get(item.id)
        name = tool.name if tool else item.call.name if item.call else item.kind
        held = _confined_by(item)
        run = ToolRun(name=name, success=item.status == "completed", output=item.detail or "", confined_by=held)
        progress.runs.append(run)
        _background(progress, item.metadata or {})
    elif item.kind == "agent_message" and item.detail:
        progress.answers.append(item.detail)
    elif (item.metadata or {}).get("source") == "background_process":
        for name in [name for name in progress.background if name in (item.detail or "")]:
            del progress.background[name]


def _background(progress: Progress, told: dict[str, object]) -> None:
    name, status = told.get("task_id"), told.get("status")
    if isinstance(name, str) and told.get("backgrounded") is True:
        command = told.get("command")
        progress.background[name] = Left(str(command), told.get("keep") is True)
    elif isinstance(name, str) and status != "running":
        progress.background.pop(name, None)
    gone = told.get("canceled")
    if isinstance(gone, list):
        for one in cast("list[object]", gone):
            progress.background.pop(str(one), None)


def text(progress: Progress, event: e.Event) -> list[Piece]:
    """What a person sees of the event: the answer as it comes, one line per tool, diffs, problems, the end."""
    payload = take(progress, event)
    match payload:
        case e.ItemDelta():
            return _answer_delta(progress, event.item_id or "", payload)
        case e.ItemStarted():
            return [Piece("note", _tool_line(payload.tool))] if payload.tool is not None else []
        case CallDecided() if payload.verdict == "allow" and payload.confined_by is not None:
            from codewhale.surfaces.cli.policy_text import shown  # noqa: PLC0415 - start-up: as in `_short`

            progress.shown.add(event.item_id or "")
            return [Piece("note", f"  allowed   [{shown(payload.rule)}], {_short(payload.confined_by)}")]
        case e.ItemCompleted() | e.ItemFailed() | e.ItemInterrupted():
            return _item_end(progress, payload.item)
        case e.TurnCompleted():
            return _turn_end(progress, payload.turn)
        case _:
            return []


def _answer_delta(progress: Progress, item_id: str, payload: e.ItemDelta) -> list[Piece]:
    if payload.kind != "agent_message" or not payload.delta:
        return []
    progress.streamed.add(item_id)
    progress.text_open = not payload.delta.endswith("\n")
    return [Piece("answer", payload.delta)]


def _item_end(progress: Progress, item: Item) -> list[Piece]:
    if item.kind == "agent_message":
        return _answer_end(progress, item)
    if item.kind in _TOOLS:
        held = _confined_by(item) if item.kind == "command_execution" and item.id not in progress.shown else None
        return [*([Piece("note", f"  {_short(held)}")] if held is not None else []), *_tool_end(item)]
    if item.kind in ("status", "context_compaction"):
        return [Piece("note", f"· {_one_line(item.detail or item.summary)}")]
    if item.kind == "error":
        progress.problem = item.detail or item.summary
        return [Piece("problem", f"! {_one_line(item.detail or item.summary, PROBLEM_LIMIT)}")]
    return []


def _answer_end(progress: Progress, item: Item) -> list[Piece]:
    pieces: list[Piece] = []
    if item.id not in progress.streamed and item.detail:
        pieces.append(Piece("answer", item.detail))
        progress.text_open = not item.detail.endswith("\n")
    if progress.text_open:
        pieces.append(Piece("answer", "\n"))
        progress.text_open = False
    return pieces


def _tool_end(item: Item) -> list[Piece]:
    diff = (item.metadata or {}).get("diff")
    if item.status == "completed" and isinstance(diff, str) and diff:
        return [Piece("note", "\n".join([_indented(diff, DIFF_LINES), *_brought(item)]))]
    if item.status == "completed":
        return [Piece("note", _tail(item.detail))] if item.kind == "command_execution" and item.detail else []
    word = "failed" if item.status == "failed" else "interrupted"
    return [Piece("problem", f"  {word}: {_indented(item.detail or item.summary, ERROR_LINES).lstrip()}")]


def _confined_by(item: Item) -> str | None:
    held = (item.metadata or {}).get("confined_by")
    return held if isinstance(held, str) else None


def _short(confined_by: str) -> str:
    from codewhale.surfaces.cli.policy_text import confined_line  # noqa: PLC0415 - start-up: many turns start no program

    return " ".join(confined_line(confined_by).split())


def _brought(item: Item) -> list[str]:
    """What a language server found to be new in the edited files, a line each."""
    given = (item.metadata or {}).get("diagnostics")
    lines: list[str] = []
    for report in cast("list[dict[str, object]]", given) if isinstance(given, list) else ():
        count = report.get("brought")
        if report.get("pending"):
            lines.append(f"  {report.get('path')}: not checked yet")
        elif isinstance(count, int) and count > 0:
            lines.append(f"  {report.get('path')}: {count} new error{'s' * (count != 1)}, told to the model")
    return lines


def _tail(output: str) -> str:
    lines = output.rstrip("\n").split("\n")
    above = len(lines) - OUTPUT_LINES
    shown = [f"… {above} more lines", *lines[-OUTPUT_LINES:]] if above > 0 else lines
    return "\n".join("  " + line for line in shown)


def _turn_end(progress: Progress, turn: Turn) -> list[Piece]:
    pieces: list[Piece] = []
    if progress.text_open:
        pieces.append(Piece("answer", "\n"))
        progress.text_open = False
    if turn.status != "completed":
        reason = turn.error or "no reason was given"
        pieces.append(Piece("problem", turn.status if reason == progress.problem else f"{turn.status}: {reason}"))
    pieces += [Piece("note", _left_line(progress, name, left)) for name, left in progress.background.items()]
    pieces.append(Piece("note", _usage_line(progress, turn.usage)))
    return pieces


def _left_line(progress: Progress, name: str, left: Left) -> str:
    command = _one_line(left.command)
    if progress.alone and not left.keep:
        return f"· stopped with this command: {name}  {command}"
    return f"· still running: {name}  {command}  (`codewhale processes cancel {name}` ends it)"


def _usage_line(progress: Progress, usage: Usage | None) -> str:
    parts = [f"thread {progress.thread_id}"]
    if usage is not None:
        cached = f" ({usage.prompt_cache_hit_tokens:,} cached)" if usage.prompt_cache_hit_tokens else ""
        tokens = "token" if usage.input_tokens == 1 else "tokens"
        parts.append(f"{usage.input_tokens:,} {tokens} in{cached}, {usage.output_tokens:,} out")
    if progress.runs:
        parts.append(f"{len(progress.runs)} tool {'call' if len(progress.runs) == 1 else 'calls'}")
    return "— " + " · ".join(parts)


def _tool_line(tool: e.ToolStart) -> str:
    return f"→ {tool.name}  {about(tool.input)}".rstrip()


def about(given: object) -> str:
    """The one argument of a tool call that tells most, on one line."""
    if isinstance(given, dict):
        for key in _TELLING:
            value: object = given.get(key)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            if isinstance(value, str) and value:
                return _one_line(value)
        return ""
    return _one_line(given) if isinstance(given, str) else ""


def _one_line(value: str, limit: int = LINE_LIMIT) -> str:
    line = " ".join(value[: limit * 2].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _indented(value: str, limit: int) -> str:
    lines = value.rstrip("\n").split("\n", limit)
    more = len(lines) > limit
    shown = ["  " + line for line in lines[:limit]]
    return "\n".join([*shown, "  …"] if more else shown)


def opening(progress: Progress) -> dict[str, object]:
    """The first stream-json object: which thread this is, so that a script can come back to it."""
    return _line("session_capture", content=progress.thread_id)


def stream(progress: Progress, event: e.Event) -> list[dict[str, object]]:
    """The stream-json objects of the event, none for most."""
    payload = take(progress, event)
    match payload:
        case e.ItemDelta() if payload.kind == "agent_message" and payload.delta:
            progress.streamed.add(event.item_id or "")
            return [_line("content", content=payload.delta)]
        case e.ItemStarted() if payload.tool is not None:
            tool = payload.tool
            return [_line("tool_use", name=tool.name, id=tool.id, input=tool.input)]
        case e.ItemCompleted() | e.ItemFailed() | e.ItemInterrupted():
            return _stream_item(progress, payload.item)
        case e.TurnCompleted():
            return _stream_end(progress, payload.turn)
        case _:
            return []


def _stream_item(progress: Progress, item: Item) -> list[dict[str, object]]:
    if item.kind == "agent_message" and item.detail and item.id not in progress.streamed:
        return [_line("content", content=item.detail)]
    if item.kind not in _TOOLS:
        return []
    tool = progress.tools.get(item.id)
    identity = tool.id if tool else item.call.id if item.call else item.id
    held = _confined_by(item)
    more = {"confined_by": held} if held is not None else {}
    if item.status == "completed":
        return [_line("tool_result", id=identity, output=item.detail or "", status="success", **more)]
    category = (item.metadata or {}).get("error")
    kind = (
        category if isinstance(category, str) else "cancelled" if item.status == "interrupted" else "execution_failed"
    )
    return [_line("tool_result", id=identity, output=item.detail or "", status="error", error_category=kind, **more)]


def _stream_end(progress: Progress, turn: Turn) -> list[dict[str, object]]:
    usage = turn.usage
    meta: dict[str, object] = {
        "model": turn.effective_model or progress.model,
        "input_tokens": usage.input_tokens if usage else 0,
        "output_tokens": usage.output_tokens if usage else 0,
        "session_id": progress.thread_id,
        "status": turn.status,
    }
    lines = [_line("metadata", meta=meta)]
    if turn.status != "completed":
        lines.append(_line("error", error=turn.error or turn.status, code=turn.error_code or turn.status))
    lines.append(_line("done"))
    return lines


def failure(message: str, code: str) -> list[dict[str, object]]:
    """The stream-json objects for a run that could not begin or lost its runtime."""
    return [_line("error", error=message, code=code), _line("done")]


def _line(kind: str, **fields: object) -> dict[str, object]:
    return {"type": kind, **fields, "schema": STREAM_SCHEMA, "schema_version": STREAM_VERSION}


def summary(progress: Progress, turn: Turn) -> dict[str, object]:
    """The one object of `--json`."""
    usage = turn.usage
    return {
        "mode": progress.mode,
        "model": turn.effective_model or progress.model,
        "success": turn.status == "completed",
        "prompt": progress.prompt,
        "output": progress.answers[-1] if progress.answers else "",
        "tools": [msgspec.to_builtins(run) for run in progress.runs],
        "status": turn.status,
        "error": turn.error,
        "error_code": turn.error_code,
        "session_id": progress.thread_id,
        "usage": msgspec.to_builtins(usage) if usage else None,
    }


def no_summary(message: str, code: str) -> dict[str, object]:
    """The `--json` object of a run that never got to a turn."""
    return {
        "mode": "agent",
        "success": False,
        "output": "",
        "tools": [],
        "status": "failed",
        "error": message,
        "error_code": code,
    }


def exit_code(turn: Turn) -> int:
    """0 the turn completed, 75 it was stopped before its work was done, 1 it failed."""
    if turn.status == "completed":
        return 0
    if turn.status in ("interrupted", "canceled") or turn.error_code in ("step_limit", "budget_exceeded"):
        return INCOMPLETE
    return FAILED
