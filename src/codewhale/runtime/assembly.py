"""Puts a runtime together from settings: the store, recovery, models, and the task group that owns every turn."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from codewhale.config.environment import environment, given
from codewhale.config.settings import Settings
from codewhale.domain.ports import RandomIds, SystemClock
from codewhale.engine.ports import Ports
from codewhale.runtime.auditing import Auditor
from codewhale.runtime.budgets.door import BudgetDoor
from codewhale.runtime.confining import granted
from codewhale.runtime.edit_diagnostics import Diagnostics
from codewhale.runtime.group import task_group
from codewhale.runtime.hook_points import HookPoints
from codewhale.runtime.models import Models
from codewhale.runtime.outside import Outside
from codewhale.runtime.reaching import web_of
from codewhale.runtime.redaction import redactor_of
from codewhale.runtime.rulebook import Rulebook
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.standing import Standing
from codewhale.runtime.surroundings import surroundings_of
from codewhale.runtime.threads import Defaults
from codewhale.runtime.undo.wiring import Undo
from codewhale.runtime.vouching import vouching
from codewhale.store.port import Store
from codewhale.store.sqlite import SqliteStore
from codewhale.workspace.processes import Processes

PRUNE_AFTER_SECONDS = 24 * 3600
PRUNE_EVERY = 4096
"""Deltas of items that ended a day ago go, looked for once in so many events."""


@asynccontextmanager
async def open_runtime(settings: Settings, *, what: str = "runtime") -> AsyncGenerator[Runtime, None]:
    """The runtime that owns `settings.runtime_dir`, recovered and ready; leaving interrupts what still runs and closes.

    `what` tells other processes who owns the directory. Raises `StoreError` (another owner, newer schema, disk)."""
    clock = SystemClock()
    redactor = redactor_of(settings, environment())
    store = SqliteStore.open(settings.runtime_dir, clock=clock, redact=redactor, what=what)
    models = Models(settings, clock)
    processes = Processes(environment())
    held_outside = settings.sandbox.policy in ("external-sandbox", "danger-full-access")
    diagnostics = Diagnostics(settings.lsp, processes, allowed=lambda _: held_outside)
    undo = Undo(settings.snapshots_dir, settings.snapshots, processes, clock)
    first = store.latest_seq
    auditor = Auditor(settings, clock, redactor)
    auditor.begin(store)
    web = web_of(settings, auditor.network)
    try:
        async with granted(settings, web) as surface, _delivering(settings, store, what), task_group() as group:
            hooks = HookPoints(settings.hooks, store, processes, group, trusted=vouching(settings))
            runtime = Runtime(
                Ports(store=store, clock=clock, ids=RandomIds(), redactor=redactor),
                defaults_of(settings),
                Outside(
                    models=models.of,
                    auto=models.auto,
                    processes=processes,
                    processes_dir=os.path.join(settings.runtime_dir, "processes"),
                    surroundings=surroundings_of(settings),
                    watchers=(undo.watch, diagnostics.watch, hooks.watch),
                    hooks=hooks,
                    budgets=BudgetDoor(settings.budgets, store),
                    undo=undo,
                    diagnostics=diagnostics,
                    web=web,
                    standing=Standing(
                        tier=lambda: processes.known_tier,
                        surface=surface,
                        book=Rulebook(settings.permissions_file, given(environment(), "HOME"), settings.required),
                    ),
                ),
                group,
            )
            await runtime.recover()
            following = group.create_task(auditor.follow(store))
            try:
                yield runtime
            finally:
                following.cancel()
                runtime.stop()
                diagnostics.stop()
        await hooks.close()
        await diagnostics.close()
        await models.close()
        auditor.catch_up(store)
        if store.failure is None and store.latest_seq // PRUNE_EVERY != first // PRUNE_EVERY:
            await store.prune_deltas(ended_before=clock.later(-PRUNE_AFTER_SECONDS))
    finally:
        auditor.close()
        processes.close()
        store.close()


@asynccontextmanager
async def _delivering(settings: Settings, store: Store, what: str) -> AsyncGenerator[None, None]:
    if not settings.hooks.sinks:
        yield
        return
    from codewhale.runtime.outbox.wiring import delivering  # noqa: PLC0415 - start-up: few people have sinks

    async with delivering(settings, store, serving=what == "serve"):
        yield


def defaults_of(settings: Settings) -> Defaults:
    """What the settings give to new threads and turns."""
    return Defaults(
        model=settings.route.model,
        provider=settings.route.provider,
        workspace=settings.workspace,
        mode=settings.mode,
        allow_shell=bool(settings.allow_shell),
        auto_approve=settings.approval_policy == "auto",
        never_ask=settings.approval_policy == "never",
        max_steps=settings.max_steps,
        always_load=settings.always_load,
        tasks=settings.tasks,
        compaction=settings.compaction,
    )
