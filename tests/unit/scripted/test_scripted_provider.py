"""The two doors give the same answers: the script in process, and over HTTP through the real adapter."""

import asyncio
from typing import Literal

import pytest

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import (
    AssistantMessage,
    CallReady,
    Finished,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolMessage,
    ToolSpec,
    UsageReported,
    UserMessage,
    Waiting,
)
from codewhale.domain.records import ToolCall, Usage
from codewhale.llm.guard import Limits
from codewhale.llm.provider import Provider
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.testing.chat_player import Waits
from codewhale.testing.provider_kit import collect, merged
from codewhale.testing.scripted_provider import ScriptedProvider
from codewhale.testing.scripted_serving import scripted_serving

Door = Literal["in process", "http"]
TOOLS = (ToolSpec(name="read", description="", parameters={"type": "object"}),)
ASK = ModelRequest(model="m", system="s", messages=(UserMessage(text="go"),), tools=TOOLS)
WITHOUT_RESULT = ModelRequest(
    model="m",
    system="s",
    messages=(
        UserMessage(text="go"),
        AssistantMessage(text="", calls=(ToolCall(id="a", name="read", arguments="{}"),)),
        UserMessage(text="well?"),
    ),
    tools=TOOLS,
)


async def answers(door: Door, script: str, *requests: ModelRequest) -> list[list[ModelEvent] | str]:
    """For each request its events, or the category of its error after what came before it."""
    if door == "in process":
        return [
            await outcome(provider, request)
            for provider in (ScriptedProvider.from_toml(script),)
            for request in requests
        ]
    async with scripted_serving(script) as (_, provider):
        return [await outcome(provider, request) for request in requests]


async def outcome(provider: Provider, request: ModelRequest) -> list[ModelEvent] | str:
    try:
        return merged([e for e in await collect(provider, request) if not isinstance(e, Waiting)])
    except ProviderError as error:
        return error.category


DOORS: tuple[Door, ...] = ("in process", "http")


@pytest.mark.parametrize("door", DOORS)
async def test_a_whole_reply(door: Door) -> None:
    script = """
    [[reply]]
    reasoning = "let me see"
    text = "I look."
    calls = [{ tool = "read", arguments = { path = "a" } }, { tool = "read", id = "own", raw_arguments = "{broken" }]
    interleave = true
    usage = { input_tokens = 10, output_tokens = 3, prompt_cache_hit_tokens = 4, prompt_cache_miss_tokens = 6 }
    """
    usage = Usage(input_tokens=10, output_tokens=3, prompt_cache_hit_tokens=4, prompt_cache_miss_tokens=6)
    assert await answers(door, script, ASK) == [
        [
            ReasoningDelta("let me see"),
            TextDelta("I look."),
            CallReady(ToolCall(id="call_1_1", name="read", arguments='{"path":"a"}')),
            CallReady(ToolCall(id="own", name="read", arguments="{broken")),
            UsageReported(usage),
            Finished("tool_calls"),
        ]
    ]


@pytest.mark.parametrize("door", DOORS)
async def test_the_next_step_sees_the_result(door: Door) -> None:
    call = ToolCall(id="call_1_1", name="read", arguments="{}")
    after = ModelRequest(
        model="m",
        system="s",
        messages=(
            *ASK.messages,
            AssistantMessage(text="", calls=(call,)),
            ToolMessage(call_id=call.id, name="read", text="42"),
        ),
        tools=TOOLS,
    )
    script = 'reply = [{ calls = [{ tool = "read" }], usage = "none" }, { text = "It is {{result}}.", usage = "none" }]'
    assert await answers(door, script, ASK, after) == [
        [CallReady(call), Finished("tool_calls")],
        [TextDelta("It is 42."), Finished("stop")],
    ]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("fault", "category"),
    [
        *((f'error = "{name}"', name) for name in ("rate_limit", "overloaded", "server", "authentication", "quota")),
        *((f'error = "{name}"', name) for name in ("authorization", "context_length", "content_policy", "timeout")),
        ('error = "invalid_request"', "invalid_request"),
        ('error = "model_not_found"', "model_not_found"),
        ("status = 503", "overloaded"),
        ("status = 402", "quota"),
        ('cut = "before_headers"', "network"),
        ('reset = "before_headers"', "network"),
        ('cut = "mid_text"', "network"),
        ('reset = "before_finish"', "network"),
        ('garbage = "html"', "protocol"),
        ('garbage = "bad_utf8"', "protocol"),
        ('garbage = "not_json"', "protocol"),
        ('garbage = "error_frame"', "server"),
    ],
)
async def test_a_fault_fails_the_first_attempt_and_then_it_works(door: Door, fault: str, category: str) -> None:
    script = f'[[reply]]\ntext = "hello"\nusage = "none"\nfaults = [{{ {fault} }}]'
    works: list[ModelEvent] = [TextDelta("hello"), Finished("stop")]
    assert await answers(door, script, ASK, ASK) == [category, works]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "fault",
    [
        'framing = "crlf"',
        'framing = "cr"',
        "space = false",
        "done = false",
        "done = false, terminate = false",
        'garbage = "comment"',
        'garbage = "no_colon"',
        'content_type = "text/plain"',
        "keep_alive = false",
        "drip = { bytes = 1 }",
        'stall = "mid_text", seconds = 0',
        "delay = 0.001",
        "finish_twice = true",
    ],
)
async def test_a_fault_of_form_changes_nothing(door: Door, fault: str) -> None:
    script = f'[[reply]]\ntext = "héllo 🐋"\nusage = "none"\nfaults = [{{ times = 0, {fault} }}]'
    works: list[ModelEvent] = [TextDelta("héllo 🐋"), Finished("stop")]
    assert await answers(door, script, ASK, ASK) == [works, works]


@pytest.mark.parametrize("door", DOORS)
async def test_a_conversation_with_an_open_call_is_refused(door: Door) -> None:
    assert await answers(door, 'reply = [{ text = "a" }]', WITHOUT_RESULT) == ["invalid_request"]


async def test_a_retry_after_reaches_the_caller() -> None:
    provider = ScriptedProvider.from_toml('reply = [{ faults = [{ error = "rate_limit", retry_after = 7 }] }]')
    with pytest.raises(ProviderError) as caught:
        await collect(provider, ASK)
    assert (caught.value.status, caught.value.retry_after) == (429, 7.0)


@pytest.mark.parametrize("door", DOORS)
async def test_a_hold_stops_the_answer_until_it_is_released(door: Door) -> None:
    script = '[[reply]]\ntext = ["before", "after"]\nusage = "none"\nhold = { name = "gate", at = "mid_text" }'
    if door == "in process":
        provider = ScriptedProvider.from_toml(script)
        await held_in_the_middle(provider, provider)
    else:
        async with scripted_serving(script) as (server, guarded):
            await held_in_the_middle(guarded, server)


async def held_in_the_middle(provider: Provider, control: ScriptedProvider | ScriptedModel) -> None:
    seen: list[ModelEvent] = []
    came = asyncio.Event()

    async def read() -> None:
        async for event in provider.stream(ASK):
            seen.append(event)
            came.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(read())
        await control.held("gate")
        await came.wait()
        assert seen == [TextDelta("before")]
        control.release("gate")
    assert seen == [TextDelta("before"), TextDelta("after"), Finished("stop")]


async def test_a_call_that_fails_twice_is_repeated_until_it_works() -> None:
    script = '[[reply]]\ntext = "hello"\nusage = "none"\nfaults = [{ status = 503, times = 2 }]'
    waits = Waits()
    async with scripted_serving(script, Limits(retries=3), waits) as (server, provider):
        events = await collect(provider, ASK)
    assert merged(events)[-2:] == [TextDelta("hello"), Finished("stop")]
    assert [(received.attempt, received.status) for received in server.requests] == [(0, 503), (1, 503), (2, 200)]


async def test_twenty_thousand_deltas() -> None:
    script = '[[reply]]\ntext = { text = "word ", count = 20000 }\nusage = "none"'
    async with scripted_serving(script) as (_, provider):
        assert merged(await collect(provider, ASK)) == [TextDelta("word " * 20000), Finished("stop")]
