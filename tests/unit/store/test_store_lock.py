"""One owner per data directory, and a label that says who."""

import os
import stat
from pathlib import Path

import pytest

from codewhale.domain.errors import StoreOwned
from codewhale.store.lock import Lock, Owner, read_owner
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock

ME = Owner(pid=os.getpid(), started_at="2026-01-01T00:00:00.000Z", what="serve")


def test_the_owner_is_known_while_it_lives(directory: str) -> None:
    lock = Lock.take(directory, ME)
    assert read_owner(directory) == ME
    lock.announce(url="http://127.0.0.1:7878", token="t0k3n")
    found = read_owner(directory)
    assert found is not None
    assert (found.url, found.token) == ("http://127.0.0.1:7878", "t0k3n")
    lock.release()
    lock.release()
    assert read_owner(directory) is None


def test_a_label_and_its_token_go_before_the_lock_does(directory: str) -> None:
    lock = Lock.take(directory, ME)
    lock.announce(url="http://127.0.0.1:7878", token="t0k3n")
    lock.release()
    assert os.listdir(directory) == ["lock"]
    successor = Lock.take(directory, ME)
    lock.release()
    assert read_owner(directory) == ME, "what is released twice takes nobody else's label"
    successor.release()


def test_a_label_that_cannot_be_removed_keeps_nobody_from_leaving(directory: str) -> None:
    lock = Lock.take(directory, ME)
    Path(directory, "owner.json").unlink()
    Path(directory, "owner.json").mkdir()
    lock.release()
    assert read_owner(directory) is None


def test_nobody_owns_a_directory_that_is_not_there(directory: str) -> None:
    assert read_owner(directory) is None


def test_a_second_owner_learns_who_the_first_is(directory: str) -> None:
    lock = Lock.take(directory, ME)
    lock.announce(url="http://127.0.0.1:7878", token=None)
    with pytest.raises(StoreOwned) as caught:
        SqliteStore.open(directory, clock=ManualClock())
    assert f"process {os.getpid()} (codewhale serve)" in caught.value.message
    assert "http://127.0.0.1:7878" in caught.value.message
    assert caught.value.hint
    lock.release()
    SqliteStore.open(directory, clock=ManualClock()).close()


def test_looking_never_takes(directory: str) -> None:
    Lock.take(directory, ME).release()
    assert read_owner(directory) is None
    Lock.take(directory, ME).release()


def test_a_label_that_cannot_be_read_is_no_reason_to_fail(directory: str) -> None:
    lock = Lock.take(directory, ME)
    Path(directory, "owner.json").write_bytes(b"{")
    assert read_owner(directory) == Owner(pid=0, started_at="", what="unknown")
    with pytest.raises(StoreOwned, match="another process"):
        Lock.take(directory, ME)
    lock.release()


def test_only_the_user_can_read_the_directory_and_the_token(directory: str) -> None:
    store = SqliteStore.open(directory, clock=ManualClock())
    store.put_blob(b"x")
    modes = {name: stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode) for name in os.listdir(directory)}
    store.close()
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert modes.pop("blobs") == 0o700
    assert set(modes.values()) == {0o600}
