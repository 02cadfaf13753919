"""What surrounds the threads, as `runtime.client.Client` shows it; apart so that each family stays small. Errors as there."""

from typing import Protocol

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


class IntrospectionClient(Protocol):
    """Queries about the runtime and its surroundings, and the two switches among them."""

    async def usage(self, query: UsageQuery) -> UsageReport: ...

    async def budgets(self, thread_id: str | None) -> list[BudgetStanding]:
        """The budgets of today, or all those above a thread. `NotFound` when there is no such thread."""
        ...

    async def left_out(self, thread_id: str) -> LeftOut:
        """What the thread's model no longer sees."""
        ...

    async def context(self, thread_id: str) -> ContextReport:
        """What fills the thread's window, and what came of its requests; `NotFound`."""
        ...

    async def workspace_status(self) -> WorkspaceStatus:
        """The default workspace under git; never an error."""
        ...

    async def skills(self) -> SkillList: ...

    async def enable_skill(self, name: str, *, enabled: bool) -> SkillState:
        """Switch a skill on or off for good; `NotFound` when there is none of this name."""
        ...

    async def mcp_servers(self) -> list[McpServer]:
        """The configured servers; none of them is started."""
        ...

    async def providers(self) -> ProviderList: ...

    async def provider_models(self, provider: str) -> list[str]:
        """Models known by name; `InvalidInput` for an unknown provider."""
        ...

    async def switch_provider(self, provider: str, model: str | None) -> ProviderSwitch:
        """Use another provider for new threads, until this process ends. `ConfigError` when it could not be called."""
        ...
