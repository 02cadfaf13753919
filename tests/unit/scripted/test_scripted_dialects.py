"""The scripted model in every dialect: one script means the same over each, also when it goes wrong."""

import pytest
from msgspec.structs import replace

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import (
    AssistantMessage,
    CallReady,
    Finished,
    ModelEvent,
    ModelRequest,
    Reasoned,
    ReasoningDelta,
    ReasoningSealed,
    TextDelta,
    ToolSpec,
    UsageReported,
    UserMessage,
)
from codewhale.domain.records import ToolCall, Usage
from codewhale.llm.dialects.seals import carried
from codewhale.llm.profiles import Dialect
from codewhale.llm.provider import Provider
from codewhale.testing.provider_kit import collect, merged
from codewhale.testing.scripted_serving import scripted_serving

DIALECTS: tuple[Dialect, ...] = ("chat", "anthropic", "responses")
TOOL = ToolSpec(name="read", description="Read.", parameters={"type": "object", "properties": {}})
ASKED = ModelRequest(model="m", system="s", messages=(UserMessage(text="go"),), tools=(TOOL,))
WHOLE = """
[[reply]]
reasoning = "Let me think. 想"
text = "Hé 🐋 there"
interleave = {interleave}
usage = {{input_tokens = 100, output_tokens = 9, prompt_cache_hit_tokens = 40, prompt_cache_miss_tokens = 60}}
[[reply.calls]]
id = "one"
tool = "read"
arguments = {{path = "a"}}
[[reply.calls]]
id = "two"
tool = "read"
arguments = {{path = "b"}}
"""
POINTS = ("after_headers", "mid_reasoning", "mid_text", "mid_arguments", "before_finish")
FAULTS = {
    "cut": 'cut = "{at}"',
    "reset": 'reset = "{at}"',
    "bad_utf8": 'garbage = "bad_utf8"\nat = "{at}"',
    "not_json": 'garbage = "not_json"\nat = "{at}"',
    "error_frame": 'garbage = "error_frame"\nat = "{at}"',
}
HARMLESS = {
    "comment": 'garbage = "comment"\nat = "{at}"',
    "no_colon": 'garbage = "no_colon"\nat = "{at}"',
    "crlf": 'framing = "crlf"',
    "no space": "space = false",
    "not terminated": "terminate = false",
    "drip": "drip = {{bytes = 1}}",
    "twice": "finish_twice = true",
}


async def heard(provider: Provider) -> list[ModelEvent]:
    """What was said, without the seals that only some dialects have."""
    return merged([event for event in await collect(provider, ASKED) if not isinstance(event, ReasoningSealed)])


EXPECTED: list[ModelEvent] = [
    ReasoningDelta("Let me think. 想"),
    TextDelta("Hé 🐋 there"),
    CallReady(ToolCall(id="one", name="read", arguments='{"path":"a"}')),
    CallReady(ToolCall(id="two", name="read", arguments='{"path":"b"}')),
    UsageReported(Usage(input_tokens=100, output_tokens=9, prompt_cache_hit_tokens=40, prompt_cache_miss_tokens=60)),
    Finished("tool_calls"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("interleave", ["true", "false"])
async def test_one_script_means_the_same(dialect: Dialect, interleave: str) -> None:
    async with scripted_serving(WHOLE.format(interleave=interleave), dialect=dialect) as (_, provider):
        assert await heard(provider) == EXPECTED


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", HARMLESS)
async def test_odd_but_valid_streams_mean_the_same(dialect: Dialect, fault: str) -> None:
    script = f"{WHOLE.format(interleave='false')}\n[[reply.faults]]\n{HARMLESS[fault].format(at='mid_text')}"
    async with scripted_serving(script, dialect=dialect) as (_, provider):
        assert await heard(provider) == EXPECTED


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_broken_stream_fails_keeps_its_text_and_gives_no_call(dialect: Dialect, at: str, fault: str) -> None:
    script = f"{WHOLE.format(interleave='false')}\n[[reply.faults]]\n{FAULTS[fault].format(at=at)}"
    async with scripted_serving(script, dialect=dialect) as (server, provider):
        said: list[ModelEvent] = []
        with pytest.raises(ProviderError):
            await listen(provider, said)
        assert len(server.requests) == 1
    texts = "".join(event.text for event in said if isinstance(event, TextDelta))
    assert "Hé 🐋 there".startswith(texts)
    if at in ("mid_arguments", "before_finish"):
        assert texts == "Hé 🐋 there"
    assert not [event for event in said if isinstance(event, (CallReady, Finished))]


async def listen(provider: Provider, said: list[ModelEvent]) -> None:
    async for event in provider.stream(ASKED):
        said.append(event)  # noqa: PERF401 - what came before an error counts


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (name, name)
        for name in (
            "authentication", "authorization", "quota", "rate_limit", "overloaded", "server", "timeout",
            "context_length", "model_not_found",
        )
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_refusal_means_the_same(dialect: Dialect, error: str, category: str) -> None:
    script = f'[[reply]]\ntext = "x"\n[[reply.faults]]\nerror = "{error}"'
    async with scripted_serving(script, dialect=dialect) as (_, provider):
        with pytest.raises(ProviderError) as caught:
            await collect(provider, ASKED)
    assert caught.value.category == category


async def test_a_signature_that_is_not_the_models_is_refused_and_keys_are_not_kept() -> None:
    forged = Reasoned(text="x", carried=carried("anthropic", "m", "x", "sig-forged"))
    said = AssistantMessage(text="y", reasoned=(forged,))
    request = replace(ASKED, messages=(UserMessage(text="go"), said, UserMessage(text="on")))
    async with scripted_serving('[default]\ntext = "x"', dialect="anthropic") as (server, provider):
        with pytest.raises(ProviderError, match="Invalid `signature`"):
            await collect(provider, request)
        assert server.requests[0].headers["x-api-key"] == "***"
