"""What surrounds the threads of another process: `client_introspection.IntrospectionClient` over its HTTP API."""

from urllib.parse import quote

from msgspec import Struct

from codewhale.domain.budgets import BudgetStanding
from codewhale.domain.context_report import ContextReport
from codewhale.domain.introspection import (
    McpServer,
    ProviderList,
    ProviderSwitch,
    SkillList,
    SkillState,
    WorkspaceStatus,
)
from codewhale.domain.left_out import LeftOut
from codewhale.domain.usage import UsageQuery, UsageReport
from codewhale.runtime.remote_tasks import Ask


class _Servers(Struct, frozen=True):
    servers: list[McpServer]


class _Model(Struct, frozen=True):
    id: str


class _Models(Struct, frozen=True):
    models: tuple[_Model, ...]


class RemoteIntrospection:
    """The surroundings of the server that `ask` reaches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def usage(self, query: UsageQuery) -> UsageReport:
        given = (("group_by", query.group_by), ("since", query.since), ("until", query.until))
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in given if value is not None)
        return await self._ask("GET", f"/v1/usage?{asked}", UsageReport)

    async def budgets(self, thread_id: str | None) -> list[BudgetStanding]:
        asked = f"?thread_id={quote(thread_id, safe='')}" if thread_id is not None else ""
        return await self._ask("GET", f"/v1/budgets{asked}", list[BudgetStanding])

    async def left_out(self, thread_id: str) -> LeftOut:
        return await self._ask("GET", f"/v1/threads/{quote(thread_id, safe='')}/context/left-out", LeftOut)

    async def context(self, thread_id: str) -> ContextReport:
        return await self._ask("GET", f"/v1/threads/{quote(thread_id, safe='')}/context", ContextReport)

    async def workspace_status(self) -> WorkspaceStatus:
        return await self._ask("GET", "/v1/workspace/status", WorkspaceStatus)

    async def skills(self) -> SkillList:
        return await self._ask("GET", "/v1/skills", SkillList)

    async def enable_skill(self, name: str, *, enabled: bool) -> SkillState:
        return await self._ask("POST", f"/v1/skills/{quote(name, safe='')}", SkillState, {"enabled": enabled})

    async def mcp_servers(self) -> list[McpServer]:
        return (await self._ask("GET", "/v1/apps/mcp/servers", _Servers)).servers

    async def providers(self) -> ProviderList:
        return await self._ask("GET", "/v1/providers", ProviderList)

    async def provider_models(self, provider: str) -> list[str]:
        found = await self._ask("GET", f"/v1/providers/{quote(provider, safe='')}/models", _Models)
        return [model.id for model in found.models]

    async def switch_provider(self, provider: str, model: str | None) -> ProviderSwitch:
        where = f"/v1/providers/{quote(provider, safe='')}/switch"
        return await self._ask("POST", where, ProviderSwitch, {"model": model})
