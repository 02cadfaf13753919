"""Automations of another process: `client_automations.AutomationClient` over its HTTP API."""

from msgspec import Struct

from codewhale.domain.automations import (
    Automation,
    AutomationPatch,
    NewAutomation,
    Occurrence,
    Preview,
    RulePreview,
)
from codewhale.domain.errors import NotFound
from codewhale.domain.ports import is_id
from codewhale.runtime.remote_tasks import Ask


class RemoteAutomations:
    """The automations of the server that `ask` reaches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def listed(self) -> list[Automation]:
        return await self._ask("GET", "/v1/automations", list[Automation])

    async def get(self, automation_id: str) -> Automation:
        return await self._ask("GET", _path(automation_id), Automation)

    async def create(self, new: NewAutomation) -> Automation:
        return await self._ask("POST", "/v1/automations", Automation, _given(new))

    async def update(self, automation_id: str, patch: AutomationPatch) -> Automation:
        return await self._ask("PATCH", _path(automation_id), Automation, _given(patch))

    async def pause(self, automation_id: str) -> Automation:
        return await self._ask("POST", _path(automation_id, "/pause"), Automation)

    async def resume(self, automation_id: str) -> Automation:
        return await self._ask("POST", _path(automation_id, "/resume"), Automation)

    async def delete(self, automation_id: str) -> Automation:
        return await self._ask("DELETE", _path(automation_id), Automation)

    async def run_now(self, automation_id: str) -> Occurrence:
        return await self._ask("POST", _path(automation_id, "/run"), Occurrence)

    async def runs(self, automation_id: str, limit: int | None) -> list[Occurrence]:
        query = "" if limit is None else f"?limit={limit}"
        return await self._ask("GET", _path(automation_id, f"/runs{query}"), list[Occurrence])

    async def preview(self, automation_id: str, count: int | None) -> Preview:
        query = "" if count is None else f"?n={count}"
        return await self._ask("GET", _path(automation_id, f"/preview{query}"), Preview)

    async def preview_rule(self, asked: RulePreview) -> Preview:
        return await self._ask("POST", "/v1/automations/preview", Preview, _given(asked))


def _path(automation_id: str, rest: str = "") -> str:
    if not is_id(automation_id):
        raise NotFound(f"Failed to read automation {automation_id[:80]}")
    return f"/v1/automations/{automation_id}{rest}"


def _given(command: Struct) -> dict[str, object]:
    """What the command says; left out is what it does not."""
    pairs = ((name, getattr(command, name)) for name in command.__struct_fields__)
    return {name: value for name, value in pairs if value is not None}
