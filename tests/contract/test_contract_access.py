"""What every route shares: public routes, the token, origins, hosts, and one shape of refusal."""

from typing import Any

import pytest

from codewhale.surfaces.http.facts import Limits
from codewhale.surfaces.http.routes import ENDPOINTS
from codewhale.testing.http_calls import Request

requirement = pytest.mark.requirement


def refusal(status: int, message: str) -> tuple[int, Any]:
    return status, {"error": {"message": message, "status": status}}


@requirement("HEALTH")
async def test_health_needs_no_token(start: Any) -> None:
    async with start() as product:
        answer = await product.call("GET", "/health", auth=False)
        assert (answer.status, answer.json()) == (
            200,
            {"status": "ok", "service": "deepseek-runtime-api", "mode": "local"},
        )


@requirement("RUNTIME-INFO")
async def test_runtime_info_needs_no_token_and_says_whether_one_is_wanted(start: Any) -> None:
    for token in ("dst_x", None):
        async with start(token=token) as product:
            info = (await product.call("GET", "/v1/runtime/info", auth=False)).json()
            port = int(product.caller.host.rpartition(":")[2])
            assert info == {
                "bind_host": "127.0.0.1",
                "port": port,
                "auth_required": token is not None,
                "version": "0.0.1",
            }


@requirement("OPENAPI")
async def test_the_description_is_served(start: Any) -> None:
    async with start() as product:
        document = (await product.call("GET", "/openapi.json", auth=False)).json()
        assert (document["openapi"], set(document["paths"])) == ("3.1.0", {endpoint.path for endpoint in ENDPOINTS})


@requirement("AUTH-TOKEN")
@requirement("BUG-46")
async def test_everything_else_needs_the_token(start: Any) -> None:
    needed = refusal(401, "runtime API bearer token required")
    async with start() as product:
        thread = await product.thread()
        routes = [
            ("GET", "/v1/threads"),
            ("POST", "/v1/threads"),
            ("GET", "/v1/threads/summary"),
            ("GET", f"/v1/threads/{thread}"),
            ("PATCH", f"/v1/threads/{thread}"),
            ("POST", f"/v1/threads/{thread}/fork"),
            ("GET", f"/v1/threads/{thread}/events"),
            ("POST", "/v1/stream"),
            ("POST", "/v1/approvals/x"),
            ("POST", "/v1/user-input/x/y"),
        ]
        for method, path in routes:
            answer = await product.call(method, path, {"prompt": "x"}, auth=False)
            assert (answer.status, answer.json()) == needed
        assert len((await product.call("GET", "/v1/threads?include_archived=true")).json()) == 1


@requirement("AUTH-LIMIT")
async def test_guessing_is_slowed_down(start: Any) -> None:
    async with start() as product:
        statuses = [
            (await product.call("GET", "/v1/threads", headers=(("Authorization", f"Bearer x{n}"),), auth=False)).status
            for n in range(11)
        ]
        assert statuses == [401] * 10 + [429]
        assert (await product.call("GET", "/health", auth=False)).status == 200


@requirement("GUARD-HOST")
async def test_a_request_by_another_name_is_refused(start: Any) -> None:
    async with start() as product:
        answer = await product.call("GET", "/health", headers=(("Host", "evil.example"),))
        assert (answer.status, answer.json()) == refusal(421, "This server does not answer to that host name")
        twice = (("Host", product.caller.host), ("Host", product.caller.host))
        assert (await product.call("GET", "/health", headers=twice)).status == 400


@requirement("CORS")
@requirement("BUG-47")
async def test_listed_pages_may_send_the_token_and_others_nothing(start: Any) -> None:
    async with start(cors_origins=("https://app.example.com",)) as product:
        for origin in ("http://localhost:3000", "tauri://localhost", "https://app.example.com"):
            asked = (("Origin", origin), ("Access-Control-Request-Method", "POST"))
            answer = await product.call("OPTIONS", "/v1/threads", headers=asked, auth=False)
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
            assert "Authorization" in answer.headers["access-control-allow-headers"]
        thread = await product.thread()
        foreign = (("Origin", "http://evil.example"),)
        answer = await product.call("POST", f"/v1/threads/{thread}/fork", headers=foreign)
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (403, False)
        sneaky = (("Sec-Fetch-Site", "cross-site"),)
        assert (await product.call("POST", f"/v1/threads/{thread}/fork", headers=sneaky)).status == 403
        assert len((await product.call("GET", "/v1/threads")).json()) == 1


@requirement("ERRORS-JSON")
@requirement("BUG-44")
async def test_every_refusal_is_the_same_json(start: Any) -> None:
    async with start(limits=Limits(body=1000)) as product:
        json = ("Content-Type", "application/json")
        bearer = ("Authorization", "Bearer dst_" + "0123456789abcdef" * 4)

        async def send(method: str, path: str, body: bytes, *headers: tuple[str, str]) -> tuple[int, Any]:
            request = Request(method=method, path=path, headers=(bearer, *headers), body=body)
            answer = await product.caller.send(request)
            assert answer.headers["content-type"] == "application/json"
            return answer.status, answer.json()

        assert await send("POST", "/v1/threads", b"{", json) == refusal(
            400, "The body is not valid JSON: Input data was truncated"
        )
        assert await send("POST", "/v1/threads", b'{"archived": "no"}', json) == refusal(
            422, "The body has the wrong shape: Expected `bool | null`, got `str` - at `$.archived`"
        )
        assert await send("POST", "/v1/threads", b"{}", ("Content-Type", "text/plain")) == refusal(
            415, "Content-Type must be application/json"
        )
        assert await send("POST", "/v1/threads", b"x" * 1001, json) == refusal(
            413, "The body is larger than 1000 bytes"
        )
        assert await send("GET", "/v1/threads?limit=abc", b"") == refusal(
            400, "The query parameter 'limit' must be an unsigned integer"
        )
        assert await send("GET", "/v1/nothing", b"") == refusal(404, "There is no route GET /v1/nothing")
        assert await send("PUT", "/v1/threads", b"") == refusal(405, "PUT is not allowed here")
        assert (await product.call("PUT", "/v1/threads")).headers["allow"] == "GET, HEAD, POST"
