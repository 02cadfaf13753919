"""The family of a client's calls for automations. `runtime.automations` implements it in the owning process,
`runtime.remote_automations` over HTTP. An id that names none is `NotFound`; only their ledger may be asked for all the same.
"""

from typing import Protocol

from codewhale.domain.automations import (
    Automation,
    AutomationPatch,
    NewAutomation,
    Occurrence,
    Preview,
    RulePreview,
)


class AutomationClient(Protocol):
    """Commands and queries over automations. Whatever a command returns is durable when it returns."""

    async def listed(self) -> list[Automation]:
        """All of them, the one changed last first."""
        ...

    async def get(self, automation_id: str) -> Automation: ...

    async def create(self, new: NewAutomation) -> Automation: ...

    async def update(self, automation_id: str, patch: AutomationPatch) -> Automation: ...

    async def pause(self, automation_id: str) -> Automation: ...

    async def resume(self, automation_id: str) -> Automation: ...

    async def delete(self, automation_id: str) -> Automation:
        """The record as it was; a run under way goes on, and the ledger stays."""
        ...

    async def run_now(self, automation_id: str) -> Occurrence:
        """A run beside the schedule, as queued; also while paused."""
        ...

    async def runs(self, automation_id: str, limit: int | None) -> list[Occurrence]:
        """The ledger, newest first; empty when there never was such an automation."""
        ...

    async def preview(self, automation_id: str, count: int | None) -> Preview:
        """Its next runs, as if it were active."""
        ...

    async def preview_rule(self, asked: RulePreview) -> Preview: ...
