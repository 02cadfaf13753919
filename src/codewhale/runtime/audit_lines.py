"""What is written into the audit logs: a line per decision, and all about tool calls where the person asked for that."""

from codewhale.config.settings import Settings
from codewhale.domain import events as e
from codewhale.domain.ports import Clock
from codewhale.domain.records import Item
from codewhale.policy.redaction.redactor import Redactor
from codewhale.workspace.audit import Audit, AuditFile, NoAudit

_TEXT = 2000


class AuditLines:
    """The files of one runtime; opened by nobody until there is a line."""

    def __init__(self, settings: Settings, clock: Clock, redactor: Redactor) -> None:
        self._files: list[AuditFile] = []
        self.decisions: Audit = NoAudit()
        self._tools: Audit = NoAudit()
        if settings.audit.enabled:
            self.decisions = self._opened(settings.audit_log, clock, redactor, settings)
        if settings.tool_audit_log is not None:
            self._tools = self._opened(settings.tool_audit_log, clock, redactor, settings)

    def _opened(self, path: str, clock: Clock, redactor: Redactor, settings: Settings) -> AuditFile:
        file = AuditFile(path, clock, redactor, max_bytes=settings.audit.max_bytes, keep=settings.audit.keep)
        self._files.append(file)
        return file

    def write(self, event: e.Event) -> None:
        """What is to be said of an event, if anything."""
        where: dict[str, object] = {"thread_id": event.thread_id, "turn_id": event.turn_id, "seq": event.seq}
        match event.decode():
            case e.CallDecided() as decided:
                self._decided(decided, where)
            case e.ApprovalRequired() as asked:
                call = {"approval_id": asked.id, "tool": asked.tool_name, "what": asked.description[:_TEXT]}
                self._tools.record("tool.approval_required", {**where, **call, "rule": asked.matched_rule})
            case e.ApprovalDecided() as answer:
                said = {"approval_id": answer.approval_id, "decision": answer.decision, "auto": answer.auto}
                self._tools.record("tool.approval_decision", {**where, **said, "reason": answer.reason})
                if not answer.auto:
                    self.decisions.record("tool.approval.decided", {**where, **said, "remember": answer.remember})
            case e.ApprovalTimeout() as late:
                said = {"approval_id": late.approval_id, "decision": "deny", "reason": "nobody answered in time"}
                self._tools.record("tool.approval_decision", {**where, **said})
                self.decisions.record("tool.approval.decided", {**where, **said})
            case e.SandboxDenied() as denied:
                self.decisions.record(
                    "tool.sandbox.denied", {**where, "tool": denied.tool_name, "reason": denied.reason}
                )
            case e.ItemCompleted(item=item) | e.ItemFailed(item=item):
                self._ended(item, where)
            case _:
                pass

    def close(self) -> None:
        """Write what waits."""
        for file in self._files:
            file.close()

    def _decided(self, decided: e.CallDecided, where: dict[str, object]) -> None:
        about: dict[str, object] = {
            **where,
            "call_id": decided.call_id,
            "tool": decided.tool,
            "rule": decided.rule,
            "reason": decided.reason,
            "command": decided.command,
            "confined_by": decided.confined_by,
        }
        if decided.verdict == "ask":
            self.decisions.record("tool.approval.prompted", about)
        elif decided.verdict == "deny":
            remembered = decided.rule == "remembered_deny"
            self.decisions.record(f"tool.approval.auto_deny{'_session' if remembered else ''}", about)
        elif decided.effects and set(decided.effects) != {"read"}:
            self.decisions.record("tool.approval.auto_approve", about)

    def _ended(self, item: Item, where: dict[str, object]) -> None:
        if item.call is None:
            return
        call = {**where, "call_id": item.call.id, "tool": item.call.name}
        blob = (item.metadata or {}).get("output")
        if blob is not None:
            self._tools.record("tool.spillover", {**call, "output": blob})
        self._tools.record("tool.result", {**call, "status": item.status, "summary": item.summary})
