"""The Chat Completions adapter behind the provider port, over real sockets."""

import asyncio

import msgspec
import pytest

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import CallReady, Finished, ModelEvent, TextDelta, Waiting
from codewhale.domain.ports import SystemClock
from codewhale.domain.records import ToolCall
from codewhale.llm.guard import Limits
from codewhale.llm.pace import pause
from codewhale.llm.provider import Provider
from codewhale.testing.chat_player import DONE, KEY, Waits, call_delta, chat_answering, chat_provider, delta, frame
from codewhale.testing.provider_kit import HELLO, PROVIDER_CHECKS, ProviderCheck, collect, merged
from codewhale.testing.socket_server import Received, Wire

HI = [TextDelta("hi"), Finished("stop")]
ANSWER = (frame(delta(content="hi")), frame(delta("stop")), DONE)


@pytest.mark.parametrize("check", PROVIDER_CHECKS, ids=lambda check: check.__name__)
async def test_keeps_the_contract(check: ProviderCheck) -> None:
    await check(chat_answering)


async def failing(provider: Provider, came: asyncio.Event) -> tuple[ProviderError, list[ModelEvent]]:
    """The error of a call and what came before it."""
    events: list[ModelEvent] = []
    try:
        async for event in provider.stream(HELLO):
            events.append(event)
            came.set()
    except ProviderError as error:
        return error, events
    raise AssertionError("the call should have failed")


async def test_posts_to_the_versioned_path_with_the_key() -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.stream(*ANSWER)

    async with chat_provider(player) as (provider, server):
        assert merged(await collect(provider)) == HI
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert msgspec.json.decode(request.body) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
    }


@pytest.mark.parametrize(
    "pieces",
    [
        (b"data:" + frame(delta(content="hi"))[6:], frame(delta("stop"))),
        (frame(delta(content="hi")).replace(b"\n", b"\r\n"), frame(delta("stop")).replace(b"\n", b"\r\n")),
        (b"\xef\xbb\xbf: hello\n\n", b"event: x\nid: 1\nretry: 5\n" + ANSWER[0], frame(delta("stop"))),
        (b": keep-alive\n\n" * 3, *ANSWER),
        (ANSWER[0], b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'),
        tuple(bytes([b]) for b in b"".join(ANSWER)),
        (b"nonsense\n\n", *ANSWER),
        (*ANSWER, b'data: {"choices":[{"delta":{"content":"after the end"}}]}\n\n'),
        (*ANSWER[:2], frame(delta("length")), DONE),
    ],
    ids=["no-space", "crlf", "bom", "comments", "unterminated", "bytewise", "no-colon", "after-done", "two-stops"],
)
async def test_reads_every_framing(pieces: tuple[bytes, ...]) -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.stream(*pieces)

    async with chat_provider(player) as (provider, _):
        assert merged(await collect(provider)) == HI


async def test_a_character_may_be_split_over_reads() -> None:
    whole = frame(delta(content="naïve 🐋"))
    cut = whole.index("🐋".encode()) + 2

    async def player(request: Received, wire: Wire) -> None:
        await wire.stream(whole[:cut], whole[cut:], *ANSWER[1:])

    async with chat_provider(player) as (provider, _):
        assert merged(await collect(provider)) == [TextDelta("naïve 🐋"), Finished("stop")]


@pytest.mark.parametrize(
    ("status", "content_type", "body", "category"),
    [
        (
            200,
            "application/json",
            b'{"error": {"message": "no such model", "code": "model_not_found"}}',
            "model_not_found",
        ),
        (200, "text/event-stream", b'data: {"error": {"message": "Overloaded", "code": 529}}\n\n', "overloaded"),
        (200, "text/html", b"<html><b>Log in</b></html>", "protocol"),
        (200, "text/plain", b"", "network"),
        (200, "text/event-stream", b"data: [DONE]\n\n", "network"),
        (200, "text/event-stream", b'data: {"choices"\n\n', "protocol"),
        (200, "text/event-stream", b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', "protocol"),
        (200, "text/event-stream", b"data: " + b"[" * 100_000 + b"\n\n", "protocol"),
        (200, "text/event-stream", frame(delta("error")), "server"),
        (401, "application/json", b'{"error": {"message": "bad key"}}', "authentication"),
        (404, "application/json", b'{"error": {"message": "The model m does not exist"}}', "model_not_found"),
        (429, "text/plain", b"slow down", "rate_limit"),
        (503, "text/html", b"<h1>busy</h1>", "overloaded"),
    ],
)
async def test_names_what_went_wrong(status: int, content_type: str, body: bytes, category: str) -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.answer(body, status=status, headers=f"Content-Type: {content_type}\r\n")

    async with chat_provider(player) as (provider, _):
        error, events = await failing(provider, asyncio.Event())
    assert (error.category, events) == (category, [])
    assert error.hint


async def test_an_answer_that_was_not_streamed_is_an_answer() -> None:
    message = {"content": "hi", "tool_calls": [{"id": "a", "function": {"name": "read", "arguments": "{}"}}]}

    async def player(request: Received, wire: Wire) -> None:
        await wire.answer(msgspec.json.encode({"choices": [{"message": message, "finish_reason": "tool_calls"}]}))

    async with chat_provider(player) as (provider, _):
        call = CallReady(ToolCall(id="a", name="read", arguments="{}"))
        assert await collect(provider) == [TextDelta("hi"), call, Finished("tool_calls")]


async def test_an_echoed_key_is_not_shown() -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.answer(f"wrong key: {KEY}\x1b[31m".encode(), status=401)

    async with chat_provider(player) as (provider, _):
        error, _ = await failing(provider, asyncio.Event())
    assert error.message == "local answered HTTP 401: wrong key: *** [31m"


async def test_a_reset_keeps_the_text_and_the_answer_begins_anew() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if len(server.requests) > 1:
            await wire.stream(*ANSWER)
            return
        await wire.begin_chunks()
        await wire.chunk(frame(delta(content="half")))
        await got.wait()
        wire.reset()

    got = asyncio.Event()
    events: list[ModelEvent] = []
    async with chat_provider(player, Limits(retries=3)) as (provider, server):
        async for event in provider.stream(HELLO):
            events.append(event)
            got.set()
    assert [event for event in events if not isinstance(event, Waiting)] == [TextDelta("half"), *HI]
    assert [event.partial for event in events if isinstance(event, Waiting)] == [True]


async def test_neither_silence_nor_a_reset_changes_a_finished_answer() -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.begin_chunks()
        await wire.chunk(*ANSWER[:2])
        wire.reset()

    async with chat_provider(player) as (provider, _):
        assert merged(await collect(provider)) == HI


async def test_a_refusal_read_to_its_end_costs_no_connection() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if len(server.requests) == 1:
            await wire.answer(b"{}", status=503)
        else:
            await wire.stream(*ANSWER)

    async with chat_provider(player, Limits()) as (provider, server):
        await collect(provider)
        assert server.connections == 1


async def test_waits_are_shown_and_the_answer_comes_once() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if len(server.requests) == 1:
            await wire.answer(b"{}", status=429, headers="Retry-After: 2\r\n")
        elif len(server.requests) == 2:
            await wire.answer(b"", status=502)
        else:
            await wire.stream(*ANSWER)

    waits = Waits()
    async with chat_provider(player, Limits(), waits) as (provider, server):
        events = await collect(provider)
    assert merged([e for e in events if not isinstance(e, Waiting)]) == HI
    assert [(e.attempt, e.attempts, e.delay) for e in events if isinstance(e, Waiting)] == [(2, 4, 2.0), (3, 4, 2.0)]
    assert waits.delays == [2.0, 2.0]


@pytest.mark.parametrize(("target", "words"), [("silent", "did not begin to answer"), ("stalls", "sent nothing for")])
async def test_silence_ends(target: str, words: str) -> None:
    async def player(request: Received, wire: Wire) -> None:
        if target == "stalls":
            await wire.begin_chunks()
            await wire.chunk(ANSWER[0])
        await wire.gone()

    limits = Limits(open_timeout=0.05 if target == "silent" else 5, idle_timeout=0.05, retries=0)
    async with chat_provider(player, limits) as (provider, server):
        error, events = await failing(provider, asyncio.Event())
        await server.dropped.wait()
    assert (error.category, words in error.message) == ("timeout", True)
    assert events == ([TextDelta("hi")] if target == "stalls" else [])


async def test_comments_are_a_sign_of_life_but_the_wall_clock_runs() -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.begin_chunks()
        while True:
            await wire.chunk(b": still here\n\n")
            await pause(0.01)

    limits = Limits(wall_clock=0.1, idle_timeout=4, retries=3)
    async with chat_provider(player, limits, clock=SystemClock()) as (provider, server):
        error, events = await failing(provider, asyncio.Event())
    assert (error.message, events) == ("local did not finish within 0.1 s.", [])
    assert len(server.requests) == 1


async def test_half_a_call_before_a_clean_end_is_an_error() -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.stream(frame(call_delta(0, "a", name="write", arguments='{"path"')))

    async with chat_provider(player) as (provider, _):
        error, events = await failing(provider, asyncio.Event())
    assert (error.category, events) == ("network", [])


async def test_the_key_stays_when_the_server_points_elsewhere() -> None:
    async def thief(request: Received, wire: Wire) -> None:
        await wire.stream(*ANSWER)

    async def player(request: Received, wire: Wire) -> None:
        await wire.answer(b"", status=307, headers=f"Location: {elsewhere.url}/v1/chat/completions\r\n")

    async with chat_provider(thief) as (_, elsewhere), chat_provider(player) as (provider, _):
        error, _ = await failing(provider, asyncio.Event())
        assert elsewhere.requests == []
        assert (error.category, elsewhere.url in error.message) == ("protocol", True)
