"""Who is let in: the forms of a token, where it may stand, and the brake on guessing."""

from typing import Any

import pytest

from codewhale.surfaces.http.auth import Authenticator
from codewhale.surfaces.http.errors import HttpError
from codewhale.surfaces.http.tokens import Token, resolve_token

TOKEN = "dst_" + "ab" * 32
EVENTS = "/v1/threads/thr_aaaa1111aaaa1111/events"


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", f"Bearer {TOKEN}"),
        ("X-DeepSeek-Runtime-Token", TOKEN),
        ("X-Codewhale-Runtime-Token", TOKEN),
    ],
)
async def test_three_headers_carry_a_token(site: Any, header: tuple[str, str]) -> None:
    assert (await site.call("GET", "/v1/threads", header, auth=False)).status == 200


@pytest.mark.requirement("LH-05")
@pytest.mark.parametrize(
    "value",
    [f"bearer {TOKEN}", f"Bearer  {TOKEN}", TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer ", "Basic eDp5"],
)
async def test_nothing_but_the_exact_bearer_form_and_token_is_right(site: Any, value: str) -> None:
    answer = await site.call("GET", "/v1/threads", ("Authorization", value), auth=False)
    assert answer.status == 401
    assert answer.json() == {"error": {"message": "runtime API bearer token required", "status": 401}}
    assert "www-authenticate" not in answer.headers


async def test_the_public_routes_and_unknown_ones_need_no_token(site: Any) -> None:
    paths = ["/health", "/v1/runtime/info", "/openapi.json", "/nothing", "/v1/threads"]
    assert [(await site.call("GET", p, auth=False)).status for p in paths] == [200, 200, 200, 404, 401]


@pytest.mark.requirement("LH-07")
async def test_a_token_in_the_query_is_for_event_streams_only(site: Any) -> None:
    for path in ("/v1/threads", "/health", "/nothing"):
        for name in ("token", "access_token"):
            assert (await site.call("GET", f"{path}?{name}={TOKEN}")).status == 400
    assert (await site.call("GET", f"{EVENTS.replace('thr_a', 'thr_b')}?token={TOKEN}", auth=False)).status == 404
    assert (await site.call("GET", f"{EVENTS}?token=wrong", auth=False)).status == 401
    assert (await site.call("GET", f"{EVENTS}?access_token={TOKEN}", auth=False)).status == 401


async def test_without_a_token_everything_is_open(site_of: Any) -> None:
    assert (await site_of(token=None).call("GET", "/v1/threads", auth=False)).status == 200


class Peer:
    """Tries tokens against an authenticator whose clock it holds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.auth = Authenticator("right", lambda: self.now)

    def status(self, token: str | None, peer: str = "10.0.0.1") -> int:
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        try:
            self.auth.admit({"query_string": b"", "client": (peer, 1)}, headers, "token")
        except HttpError as error:
            return error.status
        return 200


@pytest.mark.requirement("LH-05")
def test_ten_different_wrong_tokens_close_the_door_for_a_minute() -> None:
    peer = Peer()
    assert [peer.status(f"guess-{n}") for n in range(10)] == [401] * 10
    assert peer.status("right") == 429
    assert peer.status("right", peer="10.0.0.2") == 200
    peer.now = 59.9
    assert peer.status("right") == 429
    peer.now = 60.0
    assert peer.status("right") == 200


def test_a_stale_client_that_repeats_itself_locks_out_nobody_else() -> None:
    peer = Peer()
    assert [peer.status("stale") for _ in range(12)] == [401] * 10 + [429] * 2
    assert peer.status("right") == 200


def test_asking_without_a_token_is_no_guess() -> None:
    peer = Peer()
    assert {peer.status(None) for _ in range(50)} == {401}
    assert peer.status("right") == 200


def test_the_memory_of_bad_tries_is_bounded() -> None:
    peer = Peer()
    for n in range(10):
        peer.status(f"guess-{n}")
    assert peer.status("right") == 429
    for n in range(1024):
        peer.status("wrong", peer=f"10.1.{n // 256}.{n % 256}")
    assert peer.status("right") == 200


def test_where_the_token_comes_from() -> None:
    assert resolve_token(" flag ", "env", insecure=True) == Token(value="flag", source="flag")
    assert resolve_token("  ", " env", insecure=True) == Token(value="env", source="environment")
    assert resolve_token(None, "", insecure=True) == Token(value=None, source="off")
    made = resolve_token(None, None, insecure=False)
    assert made.source == "generated"
    assert made.value is not None
    assert made.value.startswith("dst_")
    assert len(bytes.fromhex(made.value[4:])) == 32
    assert made != resolve_token(None, None, insecure=False)
