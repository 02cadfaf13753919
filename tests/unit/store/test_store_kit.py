"""Every implementation of the store does what the port promises."""

import pytest

from codewhale.store.sqlite import SqliteStore
from codewhale.testing.store_kit import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_store(store: SqliteStore, check: Check) -> None:
    await check(store)
