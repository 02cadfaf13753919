"""The guard: hosts, origins, sizes. Whatever it refuses has had no effect."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from codewhale.surfaces.http.exchange import Message
from codewhale.surfaces.http.facts import Limits
from codewhale.surfaces.http.routes import ENDPOINTS

BAD_HOSTS = [
    "evil.example:7878",
    "127.0.0.1.nip.io:7878",
    "localhost.evil:7878",
    "127.1:7878",
    "[::ffff:127.0.0.1]:7878",
    "0.0.0.0:7878",
    "127.0.0.1:7879",
    "127.0.0.1",
    "LOCALHOST:7878",
    "localhost.:7878",
    "user@localhost:7878",
    "",
]
ROUTES = [(endpoint.method, endpoint.path.replace("{", "").replace("}", "")) for endpoint in ENDPOINTS]


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "status": status}}


@pytest.mark.parametrize("host", ["127.0.0.1:7878", "localhost:7878", "[::1]:7878"])
async def test_our_own_names_are_served(site: Any, host: str) -> None:
    assert (await site.call("GET", "/health", ("Host", host))).status == 200


@pytest.mark.requirement("LH-01")
@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_refuses_every_other_host(site: Any, client: Any, method: str, path: str) -> None:
    client.fail = AssertionError("a refused request reached the runtime")
    statuses = {(await site.call(method, path, ("Host", host), json={"prompt": "x"})).status for host in BAD_HOSTS}
    assert statuses == {421}
    assert site.reports == []


@pytest.mark.requirement("LH-01")
@pytest.mark.parametrize("hosts", [(), ("127.0.0.1:7878", "127.0.0.1:7878"), ("127.0.0.1:7878", "evil.example")])
async def test_a_request_has_exactly_one_host(site: Any, hosts: tuple[str, ...]) -> None:
    sent = await raw(site.app, [(b"host", h.encode()) for h in hosts])
    assert (sent[0]["status"], msgspec.json.decode(sent[1]["body"])) == (
        400,
        error(400, "Exactly one Host header is required"),
    )


async def test_a_configured_public_host_is_served(site_of: Any) -> None:
    site = site_of(public_hosts=("agent.example.com",))
    names = ["agent.example.com", "agent.example.com:7878", "agent.example.com:1", "x.agent.example.com"]
    assert [(await site.call("GET", "/health", ("Host", name))).status for name in names] == [200, 200, 421, 421]


async def test_a_wildcard_bind_answers_to_the_address_that_was_connected_to(site_of: Any) -> None:
    site = site_of(bind_host="0.0.0.0")
    assert (await site.call("GET", "/health", ("Host", "0.0.0.0:7878"))).status == 421
    site.caller.host = "192.168.7.5:7878"
    assert (await site.call("GET", "/health")).status == 200


@pytest.mark.requirement("LH-02")
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://localhost:3001",
        "http://localhost:3000.evil.example",
        "https://localhost:3000",
    ],
)
async def test_pages_of_other_origins_are_refused(site: Any, client: Any, origin: str) -> None:
    client.fail = AssertionError("a refused request reached the runtime")
    for method, path in ROUTES:
        answer = await site.call(method, path, ("Origin", origin), json={})
        assert answer.status == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.requirement("LH-02")
async def test_a_request_without_origin_must_not_be_cross_site(site: Any) -> None:
    path = "/v1/threads/thr_aaaa1111aaaa1111/fork"
    seen = {
        v: (await site.call("POST", path, ("Sec-Fetch-Site", v))).status
        for v in ("cross-site", "same-site", "same-origin", "none")
    }
    assert seen == {"cross-site": 403, "same-site": 403, "same-origin": 201, "none": 201}


async def test_a_page_served_by_us_needs_no_cors(site: Any) -> None:
    answer = await site.call(
        "GET", "/v1/threads", ("Origin", "http://localhost:7878"), ("Sec-Fetch-Site", "same-origin")
    )
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.requirement("LH-19")
async def test_every_answer_forbids_sniffing_caching_and_framing(site: Any) -> None:
    for path in ("/health", "/nothing"):
        headers = (await site.call("GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_too_many_or_too_large_headers_and_targets(site: Any) -> None:
    many = await site.call("GET", "/health", *[(f"X-{n}", "v") for n in range(101)])
    large = await site.call("GET", "/health", ("X-Large", "v" * 70_000))
    target = await site.call("GET", "/health?" + "q" * 20_000)
    assert [many.status, large.status, target.status] == [431, 431, 414]


async def test_a_declared_body_above_the_cap_is_not_read(site_of: Any, quick: Limits) -> None:
    app = site_of(token=None, limits=quick).app
    sent = await raw(app, [(b"host", b"127.0.0.1:7878"), (b"content-length", b"65")], method="POST", path="/v1/threads")
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_chunked_body_is_counted_while_it_is_read(site_of: Any, quick: Limits) -> None:
    parts = [b"x" * 40] * 1000
    headers = [(b"host", b"127.0.0.1:7878"), (b"transfer-encoding", b"chunked")]
    sent = await raw(site_of(token=None, limits=quick).app, headers, method="POST", path="/v1/threads", parts=parts)
    assert sent[0]["status"] == 413
    assert len(parts) == 998


@pytest.mark.requirement("LH-11")
async def test_a_body_that_never_comes_ends_the_request(site_of: Any, quick: Limits) -> None:
    headers = [(b"host", b"127.0.0.1:7878"), (b"content-length", b"10")]
    sent = await raw(site_of(token=None, limits=quick).app, headers, method="POST", path="/v1/threads")
    assert msgspec.json.decode(sent[1]["body"]) == error(408, "The body did not arrive within 0.05 seconds")


@pytest.mark.requirement("LH-04")
async def test_websockets_are_closed(site: Any) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await site.app({"type": "websocket", "path": "/v1/threads", "headers": []}, never, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def raw(
    app: Callable[..., Awaitable[None]],
    headers: list[tuple[bytes, bytes]],
    *,
    method: str = "GET",
    path: str = "/health",
    parts: list[bytes] | None = None,
) -> list[Message]:
    """Call the application with exactly these headers; the body's `parts` are taken as they are asked for."""
    sent: list[Message] = []

    async def receive() -> Message:
        if not parts:
            return await never()
        return {"type": "http.request", "body": parts.pop(), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 7878),
    }
    async with asyncio.timeout(5):
        await app(scope, receive, send)
    return sent
