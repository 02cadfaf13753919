"""Puts on record what a sandbox, not a person, refused: the tools say it in their metadata, under `sandbox_denied`."""

from codewhale.domain import events as e
from codewhale.domain.tools import ToolOutput
from codewhale.engine.recorder import OpenItem, TurnRecorder


def record_refusal(recorder: TurnRecorder, opened: OpenItem, call_id: str, tool: str, output: ToolOutput) -> None:
    """One event when the output tells of a refusal by the sandbox, or of a sandbox that could not be set up."""
    told = output.metadata or {}
    reason = told.get("sandbox_denied")
    if told.get("error") == "sandbox_setup_failed":
        reason = output.text
    if isinstance(reason, str):
        denied = e.SandboxDenied(tool_id=call_id, tool_name=tool, reason=reason)
        recorder.append(denied, item_id=opened.item.id)
