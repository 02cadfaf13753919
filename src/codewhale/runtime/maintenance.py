"""Looking at and repairing the store of a data directory that nobody else uses. Nothing is recovered or run here."""

import os

from codewhale.config.settings import Settings
from codewhale.domain.errors import NotFound, StoreOwned
from codewhale.domain.ports import SystemClock
from codewhale.runtime.owner import owner_of
from codewhale.store import check as checking
from codewhale.store.check import Finding
from codewhale.store.schema import FILE
from codewhale.store.sqlite import SqliteStore


def store_exists(settings: Settings) -> bool:
    """Whether anything was ever kept in this data directory."""
    return os.path.exists(os.path.join(settings.runtime_dir, FILE))


def check_store(settings: Settings) -> list[Finding]:
    """Everything that is wrong with the store; empty when nothing is. `NotFound` when there is no store yet."""
    with _Opened(settings) as store:
        return checking.check(store)


def rebuild_store(settings: Settings, *, dry_run: bool) -> list[Finding]:
    """Refold the read models from the log; what that changed, or would change with `dry_run`."""
    with _Opened(settings) as store:
        return checking.rebuild(store, dry_run=dry_run)


class _Opened:
    """The store, owned for a moment."""

    def __init__(self, settings: Settings) -> None:
        directory = settings.runtime_dir
        if not store_exists(settings):
            raise NotFound(f"there is no store in {directory} yet", hint="the first `codewhale exec` makes it")
        owner = owner_of(directory)
        if owner is not None:
            raise StoreOwned(
                f"{directory} is in use by process {owner.pid} (codewhale {owner.what})",
                hint="stop it first: the store is checked and rebuilt while nothing runs on it",
            )
        self._store = SqliteStore.open(directory, clock=SystemClock(), what="store")

    def __enter__(self) -> SqliteStore:
        return self._store

    def __exit__(self, *exc: object) -> None:
        self._store.close()
