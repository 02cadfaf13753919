"""Keeps the audit logs: a reader of the log that writes a line per decision, whoever took it and through which surface.

The log has the whole truth, in order; these are files that a person or a collector can follow. Nothing depends on them. What
writes them is loaded with the first thing that there is to write.
"""

from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from codewhale.config.settings import Settings
from codewhale.domain import events as e
from codewhale.domain.errors import StoreError
from codewhale.domain.ports import Clock
from codewhale.policy.redaction.redactor import Redactor
from codewhale.store.port import Store

if TYPE_CHECKING:
    from codewhale.runtime.audit_lines import AuditLines
    from codewhale.workspace.audit import NetworkVerdict

_DECISIONS = frozenset(
    cls.WIRE for cls in (e.CallDecided, e.ApprovalRequired, e.ApprovalDecided, e.ApprovalTimeout, e.SandboxDenied)
)
_ENDS = frozenset((e.ItemCompleted.WIRE, e.ItemFailed.WIRE))
_CALL = b'"call":'
"""Ended items that are no calls have no line; in the JSON of a text these bytes cannot stand."""
_PAGE = 512


class Auditor:
    """Both audit logs of a runtime: decisions in `audit.log`, and all about tool calls where the person asked for that."""

    def __init__(self, settings: Settings, clock: Clock, redactor: Redactor) -> None:
        self._given = (settings, clock, redactor)
        self._wanted = settings.audit.enabled or settings.tool_audit_log is not None
        self._lines: AuditLines | None = None
        self._seq = 0

    def network(self, host: str, tool: str, verdict: "NetworkVerdict") -> None:
        """A connection to `host` was allowed or not."""
        if self._wanted:
            self._opened().decisions.network(host, tool, verdict)

    def begin(self, store: Store) -> None:
        """What is decided from now on is written; before `follow` is under way too."""
        self._seq = store.latest_seq

    async def follow(self, store: Store) -> None:
        """Write what is decided, until cancelled or the log fails."""
        if not self._wanted:
            return
        with suppress(StoreError):  # whoever appends is told of it; nothing more is decided
            async with aclosing(store.subscribe(None, after=self._seq)) as log:
                async for batch in log:
                    self._take(batch)

    def catch_up(self, store: Store) -> None:
        """Write what was decided since `follow` was cancelled."""
        while self._wanted and store.failure is None and (batch := store.read(None, after=self._seq, limit=_PAGE)):
            self._take(batch)

    def close(self) -> None:
        """Write what waits."""
        if self._lines is not None:
            self._lines.close()

    def _take(self, batch: Sequence[e.Event]) -> None:
        for event in batch:
            self._seq = event.seq
            if event.event in _DECISIONS or (event.event in _ENDS and _CALL in bytes(event.payload)):
                self._opened().write(event)

    def _opened(self) -> "AuditLines":
        if self._lines is None:
            from codewhale.runtime.audit_lines import AuditLines  # noqa: PLC0415 - start-up: many turns decide nothing

            self._lines = AuditLines(*self._given)
        return self._lines
