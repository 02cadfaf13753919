"""Puts on record what a sandbox, not a person, refused, and what it could not keep from being changed: the tools say it in
their metadata, under `sandbox_denied` and `integrity_changed`."""

from typing import cast

from codewhale.domain import events as e
from codewhale.domain.tools import ToolOutput
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.workspace.plain import plain

MAX_NAMED, MAX_NAME = 8, 300
LOOK = (
    "Look at them before you run anything there; codewhale runs no git of its own on a repository among them until it is "
    "started again."
)


def record_refusal(recorder: TurnRecorder, opened: OpenItem, call_id: str, tool: str, output: ToolOutput) -> None:
    """One event when the output tells of a refusal by the sandbox, or of a sandbox that could not be set up; one note for
    people when something steering was changed."""
    told = output.metadata or {}
    reason = told.get("sandbox_denied")
    if told.get("error") == "sandbox_setup_failed":
        reason = output.text
    if isinstance(reason, str):
        denied = e.SandboxDenied(tool_id=call_id, tool_name=tool, reason=reason)
        recorder.append(denied, item_id=opened.item.id)
    changed = told.get("integrity_changed")
    if isinstance(changed, list):
        paths = cast("list[str]", changed)
        names = ", ".join(plain(path)[:MAX_NAME] for path in paths[:MAX_NAMED])
        names += f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
        recorder.note(f"{tool} changed files that steer git, agents or editors: {names}. {LOOK}")
