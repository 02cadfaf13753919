"""Stores for the tests of this folder; whatever a test did, its log must be sound at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock
from codewhale.testing.store_kit import expect_sound


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def disk_store(directory: str) -> Iterator[SqliteStore]:
    store = SqliteStore.open(directory, clock=ManualClock())
    yield store
    expect_sound(store)
    store.close()


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, directory: str) -> Iterator[SqliteStore]:
    memory = request.param == "memory"
    store = SqliteStore.in_memory() if memory else SqliteStore.open(directory, clock=ManualClock())
    yield store
    expect_sound(store)
    store.close()
