"""Keys against a log that fails: what was not recorded may be sent again under the same key."""

import pytest

from codewhale.domain.errors import StoreUnwritable
from codewhale.domain.receipts import Receipt, RequestKey
from codewhale.runtime.idempotency import Idempotency, Kept
from codewhale.store.port import Ticket
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock

REQUEST = RequestKey(scope="POST /v1/threads", key="k", fingerprint="f")


class FullDisk:
    """Receipts of which nothing can be given back while `full`."""

    def __init__(self, store: SqliteStore) -> None:
        self._receipts = store.receipts
        self.full = False

    def find(self, scope: str, key: str, *, now: str) -> Receipt | None:
        return self._receipts.find(scope, key, now=now)

    def claim(self, receipt: Receipt, *, now: str) -> Ticket:
        return self._receipts.claim(receipt, now=now)

    def settle(self, request: RequestKey, status: int, body: bytes) -> Ticket:
        return self._receipts.settle(request, status, body)

    def release(self, request: RequestKey) -> Ticket:
        if self.full:
            raise StoreUnwritable("The disk is full.")
        return self._receipts.release(request)


async def ready() -> None:
    pass


async def answers() -> Kept:
    return Kept(status=201, body=b"{}")


async def refuses() -> Kept:
    raise StoreUnwritable("The disk is full.")


async def test_a_request_that_met_a_full_disk_can_be_sent_again() -> None:
    store = SqliteStore.in_memory()
    disk = FullDisk(store)
    keys = Idempotency(disk, ManualClock(), ready)
    disk.full = True
    with pytest.raises(StoreUnwritable):
        await keys.once(REQUEST, refuses, (StoreUnwritable,))
    disk.full = False
    assert await keys.once(REQUEST, answers, ()) == Kept(status=201, body=b"{}")
    assert await keys.once(REQUEST, answers, ()) == Kept(status=201, body=b"{}", replayed=True)
    store.close()


async def test_only_so_many_keys_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codewhale.store.idempotency.KEPT_RECEIPTS", 3)
    store = SqliteStore.in_memory()
    clock = ManualClock()
    keys = Idempotency(store.receipts, clock, ready)
    for number in range(5):
        await keys.once(RequestKey(scope="s", key=str(number), fingerprint="f"), answers, ())
    now = clock.now()
    assert [store.receipts.find("s", str(n), now=now) is not None for n in range(5)] == [False, False, True, True, True]
    store.close()


async def test_an_answer_is_kept_without_secrets() -> None:
    store = SqliteStore.in_memory(redact=lambda text: text.replace(b"hunter2", b"[hidden]"))
    keys = Idempotency(store.receipts, ManualClock(), ready)

    async def tells() -> Kept:
        return Kept(status=201, body=b'{"title":"hunter2"}')

    await keys.once(REQUEST, tells, ())
    assert (await keys.once(REQUEST, tells, ())).body == b'{"title":"[hidden]"}'
    store.close()
