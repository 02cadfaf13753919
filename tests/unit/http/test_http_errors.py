"""What a refusal looks like: one JSON shape, the status of the error's class, never of its text."""

from typing import Any

import pytest

from codewhale.domain import errors as e
from codewhale.surfaces.http.errors import status_of

THREAD = "/v1/threads/thr_aaaa1111aaaa1111"


def refusal(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "status": status}}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (e.InvalidInput("not found"), 400),
        (e.NotFound("x"), 404),
        (e.Conflict("x"), 409),
        (e.ConfigError("x"), 400),
        (e.StoreUnwritable("x"), 503),
        (e.StoreCorrupt("Thread not found"), 500),
        (e.StoreTooNew("x"), 500),
        (e.ProviderError("x", category="rate_limit"), 502),
        (e.ToolError("x"), 500),
        (e.CodewhaleError("x"), 500),
    ],
)
async def test_the_class_decides_the_status(site: Any, client: Any, error: e.CodewhaleError, status: int) -> None:
    client.fail = error
    answer = await site.call("GET", THREAD)
    assert (answer.status, answer.json()) == (status, refusal(status, error.message))
    assert answer.headers["content-type"] == "application/json"


def test_every_error_of_the_tree_has_a_status() -> None:
    def tree(kind: type[e.CodewhaleError]) -> list[type[e.CodewhaleError]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in tree(child))]

    for kind in tree(e.CodewhaleError):
        assert 400 <= status_of(kind.__new__(kind)) < 600


async def test_a_hint_is_told_where_no_client_matches_on_the_words(site: Any, client: Any) -> None:
    client.fail = e.StoreUnwritable("The disk is full", hint="Free some space")
    assert (await site.call("GET", THREAD)).json() == refusal(503, "The disk is full. Free some space")
    client.fail = e.Conflict("Thread already has an active turn", hint="Wait for turn.completed")
    assert (await site.call("GET", THREAD)).json() == refusal(409, "Thread already has an active turn")


async def test_an_unexpected_error_is_reported_and_not_shown(site: Any, client: Any) -> None:
    client.fail = RuntimeError("secret inside")
    answer = await site.call("GET", THREAD)
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "RuntimeError: secret inside" in site.reports[0]


async def test_unknown_routes_and_methods(site: Any) -> None:
    unknown = await site.call("GET", "/v1/nothing")
    assert (unknown.status, unknown.json()) == (404, refusal(404, "There is no route GET /v1/nothing"))
    wrong = await site.call("DELETE", THREAD)
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, PATCH")
    assert wrong.json() == refusal(405, "DELETE is not allowed here")
    assert (await site.call("HEAD", f"{THREAD}/events")).status == 405


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "The body is not valid JSON: Input data was truncated"),
        (b"{", 400, "The body is not valid JSON: Input data was truncated"),
        (b'{"prompt": NaN}', 400, "The body is not valid JSON"),
        (b'{"prompt": "\xff"}', 400, "The body is not valid JSON"),
        (
            b'{"prompt": "x", "deep": ' + b"[" * 100_000,
            400,
            "The body is not usable JSON: it is nested deeper than 64 levels",
        ),
        (b"[]", 422, "The body has the wrong shape: Expected `object`, got `array`"),
        (b'{"prompt": 1}', 422, "The body has the wrong shape: Expected `str`, got `int` - at `$.prompt`"),
        (b"{}", 422, "The body has the wrong shape: Object missing required field `prompt`"),
        (b'{"prompt": "x", "allow_shell": "yes"}', 422, "The body has the wrong shape: Expected `bool | null`"),
    ],
)
async def test_bodies_that_do_not_fit(site: Any, body: bytes, status: int, message: str) -> None:
    answer = await site.call("POST", f"{THREAD}/turns", ("Content-Type", "application/json; charset=utf-8"), body=body)
    assert answer.status == status
    assert answer.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
async def test_a_body_must_be_declared_as_json(site: Any, kind: str) -> None:
    headers = [("Content-Type", kind)] if kind else []
    answer = await site.call("POST", f"{THREAD}/turns", *headers, body=b'{"prompt": "x"}')
    assert (answer.status, answer.json()) == (415, refusal(415, "Content-Type must be application/json"))


async def test_unknown_fields_are_ignored_and_so_is_a_body_that_nobody_asked_for(site: Any) -> None:
    known = await site.call("POST", f"{THREAD}/turns", json={"prompt": "x", "colour": "red"})
    ignored = await site.call("POST", f"{THREAD}/fork", body=b"{not json")
    assert [known.status, ignored.status] == [201, 201]


@pytest.mark.parametrize(
    "query", ["limit=abc", "limit=-1", "limit=1.5", "include_archived=1", "archived_only=True", "limit=1&limit=2"]
)
async def test_query_values_that_do_not_fit(site: Any, query: str) -> None:
    answer = await site.call("GET", f"/v1/threads?{query}")
    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "bad", ["..%2f..%2fetc", "%2e%2e/", "....//", "%00", "a%2F..%2Fb", "x" * 10_000, "thr_%E2%88%95", "%0d%0aX: y"]
)
async def test_what_cannot_be_an_id_is_not_found_and_not_looked_up(site: Any, client: Any, bad: str) -> None:
    client.fail = AssertionError("looked up")
    for method, tail in (("GET", ""), ("GET", "/events"), ("POST", "/fork")):
        answer = await site.call(method, f"/v1/threads/{bad}{tail}")
        assert answer.status == 404
        assert len(answer.body) < 1000


async def test_a_number_larger_than_anything_is_as_good_as_the_largest(site: Any) -> None:
    for number in (2**63 - 1, 2**63, 10**20 - 1):
        assert (await site.call("GET", f"/v1/threads?limit={number}")).status == 200
    assert (await site.call("GET", f"/v1/threads?limit={10**20}")).status == 400
