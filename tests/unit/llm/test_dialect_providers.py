"""Anthropic Messages and OpenAI Responses behind the provider port, over real sockets."""

from collections.abc import Mapping

import msgspec
import pytest

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import Finished, ModelEvent, TextDelta
from codewhale.llm.profiles import Dialect
from codewhale.llm.provider import Provider
from codewhale.testing.chat_player import KEY
from codewhale.testing.dialect_players import answering_in, dialect_provider, event
from codewhale.testing.provider_kit import HELLO, PROVIDER_CHECKS, ProviderCheck, collect, merged
from codewhale.testing.socket_server import Received, Wire

HI = [TextDelta("hi"), Finished("stop")]
ANSWERS: dict[Dialect, tuple[bytes, ...]] = {
    "anthropic": (
        event({"type": "message_start", "message": {"id": "msg_1", "content": []}}),
        event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
        event({"type": "content_block_stop", "index": 0}),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        event({"type": "message_stop"}),
    ),
    "responses": (
        event({"type": "response.created", "response": {"status": "in_progress"}}),
        event({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}}),
        event({"type": "response.output_text.delta", "output_index": 0, "delta": "hi"}),
        event({"type": "response.completed", "response": {"status": "completed"}}),
    ),
}
DIALECTS: tuple[Dialect, ...] = ("anthropic", "responses")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("check", PROVIDER_CHECKS, ids=lambda check: check.__name__)
async def test_keeps_the_contract(check: ProviderCheck, dialect: Dialect) -> None:
    await check(answering_in(dialect))


async def sent(dialect: Dialect) -> Received:
    async def player(_: Received, wire: Wire) -> None:
        await wire.stream(*ANSWERS[dialect])

    async with dialect_provider(dialect, player) as (provider, server):
        assert merged(await collect(provider)) == HI
    [request] = server.requests
    return request


async def test_anthropic_is_asked_at_its_path_with_its_own_headers() -> None:
    request = await sent("anthropic")
    assert (request.method, request.target) == ("POST", "/v1/messages")
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "authorization" not in request.headers
    mark = {"cache_control": {"type": "ephemeral"}}
    assert msgspec.json.decode(request.body) == {
        "model": "m",
        "max_tokens": 8192,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", **mark}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello", **mark}]}],
    }


async def test_responses_keep_nothing_at_the_provider() -> None:
    request = await sent("responses")
    assert (request.method, request.target) == ("POST", "/v1/responses")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert msgspec.json.decode(request.body) == {
        "model": "m",
        "stream": True,
        "store": False,
        "instructions": "Be brief.",
        "input": [{"type": "message", "role": "user", "content": "hello"}],
    }


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "framing", ["no-space", "crlf", "cr", "bytewise", "unterminated", "comments", "bom", "unnamed"]
)
async def test_reads_every_framing(dialect: Dialect, framing: str) -> None:
    whole = b"".join(ANSWERS[dialect])
    pieces: dict[str, tuple[bytes, ...]] = {
        "no-space": (whole.replace(b"data: ", b"data:").replace(b"event: ", b"event:"),),
        "crlf": (whole.replace(b"\n", b"\r\n"),),
        "cr": (whole.replace(b"\n", b"\r"),),
        "bytewise": tuple(bytes([b]) for b in whole),
        "unterminated": (whole.rstrip(b"\n"),),
        "comments": (b": keep-alive\n\n" * 3, whole),
        "bom": (b"\xef\xbb\xbf" + whole,),
        "unnamed": (b"\n".join(line for line in whole.split(b"\n") if not line.startswith(b"event")),),
    }

    async def player(_: Received, wire: Wire) -> None:
        await wire.stream(*pieces[framing])

    async with dialect_provider(dialect, player) as (provider, _):
        assert merged(await collect(provider)) == HI


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stream_that_ends_early_is_an_error_and_keeps_its_text(dialect: Dialect) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.stream(*ANSWERS[dialect][:3])

    async with dialect_provider(dialect, player) as (provider, _):
        heard: list[ModelEvent] = []
        with pytest.raises(ProviderError) as caught:
            await hear(provider, heard)
    assert (caught.value.category, heard) == ("network", [TextDelta("hi")])


async def hear(provider: Provider, heard: list[ModelEvent]) -> None:
    async for one in provider.stream(HELLO):
        heard.append(one)  # noqa: PERF401 - what came before an error counts


@pytest.mark.parametrize(
    ("status", "kind", "message", "category"),
    [
        (529, "overloaded_error", "Overloaded", "overloaded"),
        (429, "rate_limit_error", "too fast", "rate_limit"),
        (401, "authentication_error", "invalid x-api-key", "authentication"),
        (403, "permission_error", "no", "authorization"),
        (404, "not_found_error", "model: claude-9", "model_not_found"),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", "context_length"),
        (400, "invalid_request_error", "Your credit balance is too low", "quota"),
        (400, "invalid_request_error", "messages: roles must alternate", "invalid_request"),
        (413, "request_too_large", "Request exceeds the maximum size", "invalid_request"),
        (500, "api_error", "Internal server error", "server"),
        (200, "overloaded_error", "Overloaded", "overloaded"),
        (200, "authentication_error", "no", "authentication"),
        (200, "api_error", "Internal server error", "server"),
    ],
)
async def test_what_anthropic_refuses_with(status: int, kind: str, message: str, category: str) -> None:
    error = {"type": "error", "error": {"type": kind, "message": message}}

    async def player(_: Received, wire: Wire) -> None:
        if status == 200:
            await wire.stream(ANSWERS["anthropic"][0], event({"type": "ping"}), event(error))
        else:
            await wire.answer(msgspec.json.encode(error), status=status)

    async with dialect_provider("anthropic", player) as (provider, _):
        with pytest.raises(ProviderError) as caught:
            await collect(provider)
    assert caught.value.category == category


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("server_error", "server"),
        ("rate_limit_exceeded", "rate_limit"),
        ("context_length_exceeded", "context_length"),
        ("insufficient_quota", "quota"),
    ],
)
@pytest.mark.parametrize("way", ["failed", "event"])
async def test_how_a_response_fails(code: str, category: str, way: str) -> None:
    error = {"code": code, "message": "it failed"}
    failed = {"type": "response.failed", "response": {"status": "failed", "error": error}}
    said: Mapping[str, object] = failed if way == "failed" else {"type": "error", **error}

    async def player(_: Received, wire: Wire) -> None:
        await wire.stream(ANSWERS["responses"][0], event(said))

    async with dialect_provider("responses", player) as (provider, _):
        with pytest.raises(ProviderError) as caught:
            await collect(provider)
    assert caught.value.category == category
