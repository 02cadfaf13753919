"""Answers about what surrounds the threads: usage, workspace, skills, MCP servers, providers.

Nothing here starts a program that a repository or a configuration names. Files are read in threads.
"""

import asyncio
from collections.abc import Callable

from codewhale.config.mcp import mcp_servers
from codewhale.config.providers import default_model, provider_entries, provider_models
from codewhale.config.settings import Settings
from codewhale.domain.budgets import BudgetStanding
from codewhale.domain.context_report import ContextReport
from codewhale.domain.errors import ConfigError, InvalidInput, NotFound
from codewhale.domain.introspection import (
    McpServer,
    ProviderList,
    ProviderSwitch,
    SkillList,
    SkillState,
    WorkspaceStatus,
)
from codewhale.domain.left_out import LeftOut
from codewhale.domain.ports import SystemClock
from codewhale.domain.records import Thread
from codewhale.domain.text import whole
from codewhale.domain.usage import UsageQuery, UsageReport
from codewhale.runtime.outside import Outside
from codewhale.runtime.surroundings import Surroundings
from codewhale.runtime.threads import Defaults
from codewhale.store.port import Store
from codewhale.workspace.git_status import workspace_status

_SHOWN = 80


class Introspection:
    """`IntrospectionClient` in the owning process. `choose` makes a provider and model those of new threads."""

    def __init__(self, store: Store, defaults: Defaults, outside: Outside, choose: Callable[[str, str], None]) -> None:
        self._store = store
        self._defaults = defaults
        self._outside = outside
        self._choose = choose

    async def usage(self, query: UsageQuery) -> UsageReport:
        return await asyncio.to_thread(self._store.usage, query)

    async def budgets(self, thread_id: str | None) -> list[BudgetStanding]:
        thread = self._store.thread(thread_id) if thread_id is not None else None
        if thread_id is not None and thread is None:
            raise NotFound(f"Thread not found: {thread_id}")
        door = self._outside.budgets
        return [] if door is None else door.standing(thread, SystemClock().now()[:10])

    async def context(self, thread_id: str) -> ContextReport:
        from codewhale.runtime.context_report import context_report  # noqa: PLC0415 - start-up: few ask

        thread = self._store.thread(thread_id)
        if thread is None:
            raise NotFound(f"Thread not found: {thread_id}")
        return await asyncio.to_thread(context_report, self._store, thread, self._window(thread))

    async def left_out(self, thread_id: str) -> LeftOut:
        from codewhale.context.left_out import left_out  # noqa: PLC0415 - start-up: few ask

        if self._store.thread(thread_id) is None:
            raise NotFound(f"Thread not found: {thread_id}")
        return await asyncio.to_thread(lambda: left_out(thread_id, self._store.items(thread_id)))

    async def workspace_status(self) -> WorkspaceStatus:
        return await workspace_status(self._outside.processes, self._defaults.workspace)

    async def skills(self) -> SkillList:
        from codewhale.runtime.skills import listed  # noqa: PLC0415 - start-up: few ask

        return await asyncio.to_thread(listed, self._around, self._defaults.workspace)

    async def enable_skill(self, name: str, *, enabled: bool) -> SkillState:
        from codewhale.runtime.skills import switch  # noqa: PLC0415 - start-up: few ask

        name = whole(name)
        await asyncio.to_thread(switch, self._around, self._defaults.workspace, name, enabled=enabled)
        return SkillState(name=name, enabled=enabled)

    async def mcp_servers(self) -> list[McpServer]:
        return await asyncio.to_thread(mcp_servers, self._around.mcp_config)

    async def providers(self) -> ProviderList:
        settings = self._settings
        current = self._defaults.provider or settings.route.provider
        return ProviderList(current=current, providers=tuple(await asyncio.to_thread(provider_entries, settings)))

    async def provider_models(self, provider: str) -> list[str]:
        return await asyncio.to_thread(provider_models, self._settings, whole(provider))

    async def switch_provider(self, provider: str, model: str | None) -> ProviderSwitch:
        provider = whole(provider)
        chosen = whole(model or "").strip() or default_model(self._settings, provider)
        if not chosen:
            raise InvalidInput(f"Provider '{provider[:_SHOWN]}' has no default model: name one in `model`")
        self._outside.models(chosen, provider)
        self._choose(provider, chosen)
        return ProviderSwitch(
            provider=provider,
            model=chosen,
            message=f"New threads use {chosen} of {provider} until the runtime ends; the settings file is unchanged",
            persisted=False,
        )

    def _window(self, thread: Thread) -> int | None:
        """How many tokens the thread's model takes; None where nobody knows, or where it cannot be called."""
        try:
            return self._outside.models(thread.model, thread.model_provider).window
        except ConfigError:
            return None

    @property
    def _around(self) -> Surroundings:
        assert self._outside.surroundings is not None
        return self._outside.surroundings

    @property
    def _settings(self) -> Settings:
        assert self._around.settings is not None
        return self._around.settings
