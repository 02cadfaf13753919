"""Import and export for a command line: the store of a data directory that nobody else uses, for the time it takes."""

import asyncio
import os

from codewhale.config.environment import environment
from codewhale.config.settings import Settings
from codewhale.domain.errors import NotFound, StoreOwned
from codewhale.domain.ports import RandomIds, SystemClock
from codewhale.runtime.assembly import open_runtime
from codewhale.runtime.exporting import Exported, export_automations, export_files, export_tasks
from codewhale.runtime.importing.directory import Importer, Missing
from codewhale.runtime.importing.report import Report
from codewhale.runtime.maintenance import store_exists
from codewhale.runtime.owner import owner_of
from codewhale.store.port import Store
from codewhale.store.sqlite import SqliteStore
from codewhale.work.zones import local_zone


def import_directory(settings: Settings, directory: str, *, dry_run: bool) -> Report:
    """Take a directory of the followed system. A dry run records nothing and makes no store."""
    if not os.path.isdir(directory):
        raise NotFound(f"there is no directory {directory}", hint="give the folder that holds sessions/ and tasks/")
    _alone(settings, "import")
    if dry_run and not store_exists(settings):
        store = SqliteStore.in_memory()
        try:
            return asyncio.run(_imported(store, settings, directory, dry_run=True))
        finally:
            store.close()
    return asyncio.run(_import(settings, directory, dry_run=dry_run))


def export_directory(settings: Settings, directory: str) -> Exported:
    """Write the layout of the followed system into an empty directory."""
    if not store_exists(settings):
        raise NotFound(f"there is no store in {settings.runtime_dir} yet", hint="the first `codewhale exec` makes it")
    _alone(settings, "export")
    return asyncio.run(_export(settings, directory))


async def _import(settings: Settings, directory: str, *, dry_run: bool) -> Report:
    async with open_runtime(settings, what="import") as runtime:
        return await _imported(runtime.store, settings, directory, dry_run=dry_run)


async def _imported(store: Store, settings: Settings, directory: str, *, dry_run: bool) -> Report:
    missing = Missing(model=settings.route.model, timezone=local_zone(environment().get("TZ")))
    importer = Importer(store, SystemClock(), RandomIds(), defaults=missing, dry_run=dry_run)
    return await importer.run(directory)


async def _export(settings: Settings, directory: str) -> Exported:
    async with open_runtime(settings, what="export") as runtime:
        done = export_files(runtime.store, directory)
        await export_tasks(runtime.tasks, directory, done)
        await export_automations(runtime.automations, directory, done)
        return done


def _alone(settings: Settings, what: str) -> None:
    owner = owner_of(settings.runtime_dir)
    if owner is not None:
        raise StoreOwned(
            f"{settings.runtime_dir} is in use by process {owner.pid} (codewhale {owner.what})",
            hint=f"stop it first, then run the {what} again",
        )
