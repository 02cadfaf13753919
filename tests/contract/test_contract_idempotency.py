"""Idempotency keys: a request that is sent twice is carried out once, also across a restart."""

import asyncio
from typing import Any

import pytest

from codewhale.surfaces.http.idempotency import request_key

requirement = pytest.mark.requirement

HELLO = """
[[reply]]
text = "Hello."
"""


def key(name: str) -> tuple[tuple[str, str], ...]:
    return (("Idempotency-Key", name),)


async def created(product: Any, name: str, **fields: Any) -> Any:
    return await product.call("POST", "/v1/threads", fields, headers=key(name))


async def threads(product: Any) -> int:
    return len((await product.call("GET", "/v1/threads")).json())


@requirement("IDEMPOTENCY-SAME")
async def test_the_same_request_is_carried_out_once_and_answered_alike(start: Any) -> None:
    async with start() as product:
        first = await created(product, "k-1", title="one")
        again = await created(product, "k-1", title="one")
        assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
        assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
        assert await threads(product) == 1


@requirement("IDEMPOTENCY-RESTART")
async def test_a_later_process_gives_the_same_answer(start: Any) -> None:
    async with start(HELLO) as product:
        first = await created(product, "k-1")
        turn = await product.call(
            "POST", f"/v1/threads/{first.json()['id']}/turns", {"prompt": "hi"}, headers=key("k-1")
        )
        assert turn.status == 201
    async with start(HELLO) as product:
        thread = first.json()["id"]
        assert (await created(product, "k-1")).body == first.body
        again = await product.call("POST", f"/v1/threads/{thread}/turns", {"prompt": "hi"}, headers=key("k-1"))
        assert (again.status, again.body) == (201, turn.body)
        assert len((await product.detail(thread))["turns"]) == 1


@requirement("IDEMPOTENCY-OTHER")
async def test_another_body_under_the_same_key_is_a_conflict(start: Any) -> None:
    async with start() as product:
        await created(product, "k-1", title="one")
        other = await created(product, "k-1", title="two")
        assert (other.status, other.json()["error"]["message"]) == (
            409,
            "This idempotency key was used with another request; use a new key",
        )
        assert await threads(product) == 1


@requirement("IDEMPOTENCY-SCOPE")
async def test_a_key_holds_for_one_route(start: Any) -> None:
    async with start() as product:
        first = (await created(product, "k-1")).json()["id"]
        fork = await product.call("POST", f"/v1/threads/{first}/fork", headers=key("k-1"))
        assert (fork.status, fork.json()["id"] == first) == (201, False)
        assert await threads(product) == 2


@requirement("IDEMPOTENCY-TOGETHER")
async def test_of_requests_at_the_same_time_one_is_carried_out(start: Any) -> None:
    async with start() as product:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(created(product, "k-1")) for _ in range(8)]
        answers = [call.result() for call in calls]
        assert {answer.status for answer in answers} <= {201, 409}
        assert len({answer.body for answer in answers if answer.status == 201}) == 1
        assert {a.json()["error"]["message"] for a in answers if a.status == 409} <= {
            "A request with this idempotency key is in progress; ask again"
        }
        assert await threads(product) == 1


@requirement("IDEMPOTENCY-REFUSED")
async def test_a_refused_request_gives_its_key_back(start: Any) -> None:
    async with start() as product:
        blank = await product.call("POST", "/v1/threads/thr_nobody/turns", {"prompt": "x"}, headers=key("k-1"))
        assert blank.status == 404
        assert (await created(product, "k-2", model=5)).status == 422
        assert (await created(product, "k-2")).status == 201


@requirement("IDEMPOTENCY-UNKNOWN")
async def test_a_key_whose_answer_was_never_kept_is_not_carried_out_again(start: Any) -> None:
    async with start() as product:
        find = product.runtime.idempotency
        failing = ValueError("the process dies here")

        async def dies() -> Any:
            await product.call("POST", "/v1/threads", {})
            raise failing

        request = requested()
        with pytest.raises(ValueError, match="dies here"):
            await find.once(request, dies, ())
    async with start() as product:
        answer = await created(product, "k-1")
        assert answer.status == 409
        assert "whether it took effect is not known" in answer.json()["error"]["message"]
        assert await threads(product) == 1


def requested() -> Any:
    """The key of `created(product, "k-1")`, as the surface makes it."""
    scope = {"method": "POST", "path": "/v1/threads", "query_string": b""}
    return request_key(scope, [(b"idempotency-key", b"k-1")], b"{}")


@requirement("IDEMPOTENCY-EXPIRY")
async def test_a_key_is_free_again_after_a_day(start: Any) -> None:
    async with start() as product:
        first = await created(product, "k-1")
        product.clock.advance(24 * 3600 + 1)
        second = await created(product, "k-1", title="another")
        assert (second.status, second.json()["id"] == first.json()["id"]) == (201, False)


@requirement("IDEMPOTENCY-SYNTAX")
@pytest.mark.parametrize("name", ["", " ", "a b", "ä", "k" * 129, '"open', "a,b", "a/b"])
async def test_what_is_no_key_is_refused(start: Any, name: str) -> None:
    async with start() as product:
        assert (await created(product, name)).status == 400
        assert await threads(product) == 0


@requirement("IDEMPOTENCY-SYNTAX")
async def test_a_key_may_be_quoted(start: Any) -> None:
    async with start() as product:
        assert (await created(product, '"k-1"')).body == (await created(product, "k-1")).body


@requirement("IDEMPOTENCY-STREAM")
async def test_a_one_shot_stream_is_given_again_from_its_beginning(start: Any) -> None:
    async with start(HELLO) as product:
        body = {"prompt": "hi"}
        async with product.stream("/v1/stream", body, headers=key("k-1")) as stream:
            first = await stream.until("done")
        async with product.stream("/v1/stream", body, headers=key("k-1")) as stream:
            again = await stream.until("done")
        assert again == first
        assert [frame.event for frame in first][-2:] == ["turn.completed", "done"]
        archived = (await product.call("GET", "/v1/threads?archived_only=true")).json()
        assert len(archived) == 1
