"""Requests in the bytes of Anthropic Messages and OpenAI Responses: what any history becomes, and what goes back sealed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codewhale.domain.messages import (
    AssistantMessage,
    Message,
    ModelRequest,
    Reasoned,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from codewhale.domain.records import ToolCall
from codewhale.llm.dialects import anthropic_encode, responses_encode
from codewhale.llm.dialects.seals import carried, replayable
from codewhale.llm.quirks import Quirks
from codewhale.llm.scripted import asked_anthropic, asked_responses
from codewhale.llm.scripted.strict import complaint

TOOL = ToolSpec(name="read", description="Read.", parameters={"type": "object", "properties": {}})
MARK = {"cache_control": {"type": "ephemeral"}}


def anthropic(request: ModelRequest, quirks: Quirks | None = None) -> dict[str, Any]:
    return msgspec.json.decode(anthropic_encode.encode(request, quirks or Quirks()))


def responses(request: ModelRequest, quirks: Quirks | None = None) -> dict[str, Any]:
    return msgspec.json.decode(responses_encode.encode(request, quirks or Quirks()))


def asked(*messages: Message, **more: Any) -> ModelRequest:
    return ModelRequest(model="m", system="s", messages=messages, **more)


def thought(text: str, data: str = "sig", *, dialect: str = "anthropic", model: str = "m", at: int = 0) -> Reasoned:
    return Reasoned(text=text, carried=carried(dialect, model, text, data), at=at)


CALL = ToolCall(id="c1", name="read", arguments='{"path":  "x"}')
STEP: tuple[Message, ...] = (
    UserMessage(text="go"),
    AssistantMessage(text="AB", reasoning="onetwo", calls=(CALL,), reasoned=(thought("one"), thought("two", at=1))),
    ToolMessage(call_id="c1", name="read", text="content"),
    UserMessage(text="and?"),
)


def test_a_whole_anthropic_request() -> None:
    assert anthropic(asked(*STEP, tools=(TOOL,), max_output_tokens=50)) == {
        "model": "m",
        "max_tokens": 50,
        "stream": True,
        "tools": [{"name": "read", "description": "Read.", "input_schema": TOOL.parameters, **MARK}],
        "system": [{"type": "text", "text": "s", **MARK}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go", **MARK}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "one", "signature": "sig"},
                    {"type": "text", "text": "A"},
                    {"type": "thinking", "thinking": "two", "signature": "sig"},
                    {"type": "text", "text": "B"},
                    {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "x"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "content"},
                    {"type": "text", "text": "and?", **MARK},
                ],
            },
        ],
    }


def test_a_whole_responses_request() -> None:
    item = '{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"e"}'
    said = AssistantMessage(text="A", calls=(CALL,), reasoned=(thought("", item, dialect="responses"),))
    messages = (STEP[0], said, *STEP[2:])
    sent = responses(asked(*messages, tools=(TOOL,), max_output_tokens=50), Quirks(replay="sealed"))
    assert sent == {
        "model": "m",
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 50,
        "instructions": "s",
        "tools": [
            {
                "type": "function",
                "name": "read",
                "description": "Read.",
                "parameters": TOOL.parameters,
                "strict": False,
            }
        ],
        "input": [
            {"type": "message", "role": "user", "content": "go"},
            msgspec.json.decode(item),
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A"}]},
            {"type": "function_call", "call_id": "c1", "name": "read", "arguments": CALL.arguments},
            {"type": "function_call_output", "call_id": "c1", "output": "content"},
            {"type": "message", "role": "user", "content": "and?"},
        ],
    }


@pytest.mark.parametrize(
    "block",
    [
        thought("one", model="other"),
        thought("one", dialect="responses"),
        replace(thought("one"), text="[redacted]"),
        replace(thought("one"), carried=replace(thought("one").carried, data="[redacted]")),
    ],
    ids=["another model's", "another dialect's", "text changed", "data changed"],
)
def test_what_its_provider_would_refuse_stays_behind(block: Reasoned) -> None:
    message = AssistantMessage(text="A", reasoned=(block,))
    assert replayable(message, "anthropic", "m") == []
    assert anthropic(asked(UserMessage(text="go"), message))["messages"][1]["content"] == [
        {"type": "text", "text": "A"}
    ]


def test_redacted_thinking_goes_back_as_data() -> None:
    message = AssistantMessage(text="A", reasoned=(thought("", '{"data":"red-x"}'),))
    [first, _] = anthropic(asked(UserMessage(text="go"), message))["messages"][1]["content"]
    assert first == {"type": "redacted_thinking", "data": "red-x"}


BUDGET = Quirks(effort={"high": {"thinking": {"type": "enabled", "budget_tokens": 16_384}}}, default_effort="high")


@pytest.mark.parametrize(
    ("limit", "thinking"),
    [
        (64_000, {"type": "enabled", "budget_tokens": 16_384}),
        (8_000, {"type": "enabled", "budget_tokens": 4_000}),
        (2_000, None),
    ],
)
def test_a_thinking_budget_fits_the_output_limit(limit: int, thinking: object) -> None:
    assert anthropic(asked(UserMessage(text="go"), max_output_tokens=limit), BUDGET).get("thinking") == thinking


def test_tool_use_that_began_without_thinking_goes_on_without() -> None:
    bare = AssistantMessage(text="", calls=(CALL,))
    request = asked(STEP[0], bare, STEP[2], max_output_tokens=64_000)
    assert "thinking" not in anthropic(request, BUDGET)
    signed = AssistantMessage(text="", calls=(CALL,), reasoned=(thought("one"),))
    assert "thinking" in anthropic(asked(STEP[0], signed, STEP[2], max_output_tokens=64_000), BUDGET)


def test_ids_that_the_api_does_not_take_are_mapped_alike_everywhere() -> None:
    strange = [ToolCall(id=ident, name="read", arguments="{}") for ident in ("a.b", "a:b", "ü", "x" * 65, "a_b-1")]
    results = [ToolMessage(call_id=call.id, name="read", text="r") for call in strange]
    sent = anthropic(asked(UserMessage(text="go"), AssistantMessage(text="", calls=tuple(strange)), *results))
    used = [block["id"] for block in sent["messages"][1]["content"]]
    assert used == [block["tool_use_id"] for block in sent["messages"][2]["content"]]
    assert len(set(used)) == 5
    assert used[4] == "a_b-1"


def test_caching_can_be_left_out() -> None:
    assert "cache_control" not in str(anthropic(asked(*STEP, tools=(TOOL,)), Quirks(caching=False)))


words = st.text(max_size=12)
ids = st.text(alphabet="abc.:_-", min_size=1, max_size=6)


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """A conversation as the runtime makes it: each call with its result, ids never twice."""
    found: list[Message] = [UserMessage(text=draw(words) or "go")]
    taken: set[str] = set()
    for _ in range(draw(st.integers(0, 4))):
        names = [name for name in draw(st.lists(ids, max_size=3, unique=True)) if name not in taken]
        taken.update(names)
        calls = tuple(
            ToolCall(id=name, name="read", arguments=draw(st.sampled_from(["{}", "no", '{"a":1}']))) for name in names
        )
        text = draw(words)
        found.append(AssistantMessage(text=text if text or calls else "said", calls=calls))
        found += [ToolMessage(call_id=name, name="read", text=draw(words)) for name in names]
        if not calls or draw(st.booleans()):
            found.append(UserMessage(text=draw(words) or "go"))
    return found


@given(histories())
def test_any_history_is_taken_by_strict_servers(messages: list[Message]) -> None:
    request = asked(*messages, tools=(TOOL,))
    body = anthropic_encode.encode(request, Quirks())
    assert asked_anthropic.complaint(body) is None
    assert complaint(asked_anthropic.read_body(body)) is None
    body = responses_encode.encode(request, Quirks())
    assert asked_responses.complaint(body) is None


@given(histories(), st.integers(1, 20))
def test_what_comes_later_changes_nothing_before(messages: list[Message], at: int) -> None:
    before, after = asked(*messages[:at]), asked(*messages)
    short, long = responses_encode.encode(before, Quirks()), responses_encode.encode(after, Quirks())
    assert long.startswith(short.removesuffix(b"]}"))
    plain = Quirks(caching=False)
    short, long = anthropic_encode.encode(before, plain), anthropic_encode.encode(after, plain)
    assert long.startswith(short.removesuffix(b"]}]}"))
