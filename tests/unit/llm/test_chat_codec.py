"""Requests to bytes and chunks to events, without a network."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import (
    AssistantMessage,
    CallReady,
    Finished,
    FinishReason,
    Message,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolMessage,
    ToolSpec,
    UsageReported,
    UserMessage,
)
from codewhale.domain.records import ToolCall, Usage
from codewhale.llm.dialects.calls import (
    CUT_BY_LIMIT,
    CUT_BY_SIZE,
    CUT_BY_TOTAL,
    KEPT_OF_OVERSIZE,
    MAX_CALLS,
    is_object,
)
from codewhale.llm.dialects.chat_decode import ChatDecoder
from codewhale.llm.dialects.chat_encode import encode, replayed_chars
from codewhale.llm.errors import Endpoint
from codewhale.llm.quirks import Quirks
from codewhale.testing.chat_player import call_delta, delta

ENDPOINT = Endpoint(provider="acme", url="https://acme.test", model="m")
CALL = ToolCall(id="c1", name="read", arguments='{"path": "x"}')
STEP: tuple[Message, ...] = (
    UserMessage(text="go"),
    AssistantMessage(text="", reasoning="because", calls=(CALL,)),
    ToolMessage(call_id="c1", name="read", text="content"),
)


def body(sent: ModelRequest, quirks: Quirks | None = None) -> dict[str, object]:
    return msgspec.json.decode(encode(sent, quirks or Quirks()))


def decode(*chunks: object, done: bool = True, replayed: int = 0) -> list[ModelEvent]:
    decoder = ChatDecoder(ENDPOINT, replayed_chars=replayed)
    events = decoder.feed([msgspec.json.encode(chunk) for chunk in chunks] + [b"[DONE]"] * done)
    return [*events, *decoder.finish()]


def test_a_whole_request_on_the_wire() -> None:
    tool = ToolSpec(name="read", description="Read.", parameters={"type": "object", "properties": {}})
    quirks = Quirks(max_output=100, effort={"high": {"thinking": {"type": "enabled"}}}, default_effort="high")
    sent = ModelRequest(model="m", system="s", messages=STEP, tools=(tool,), max_output_tokens=50)
    assert encode(sent, quirks) == (
        b'{"model":"m","stream":true,"stream_options":{"include_usage":true},"max_tokens":50,'
        b'"thinking":{"type":"enabled"},"tools":[{"type":"function","function":{"name":"read","description":"Read.",'
        b'"parameters":{"type":"object","properties":{}}}}],"messages":[{"role":"system","content":"s"},'
        b'{"role":"user","content":"go"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",'
        b'"function":{"name":"read","arguments":"{\\"path\\": \\"x\\"}"}}]},'
        b'{"role":"tool","tool_call_id":"c1","content":"content"}]}'
    )


texts = st.text(max_size=20)
messages = st.lists(
    st.one_of(
        st.builds(UserMessage, text=texts),
        st.builds(ToolMessage, call_id=texts, name=texts, text=texts),
        st.builds(
            AssistantMessage,
            text=texts,
            reasoning=texts,
            calls=st.lists(st.builds(ToolCall, id=texts, name=texts, arguments=texts), max_size=2).map(tuple),
        ),
    ),
    max_size=6,
)


@given(before=messages, after=messages, replay=st.sampled_from(["none", "reasoning_content"]))
def test_appending_messages_changes_nothing_before(before: list[Message], after: list[Message], replay: str) -> None:
    quirks = msgspec.convert({"replay": replay}, Quirks)
    first = encode(ModelRequest(model="m", system="s", messages=tuple(before)), quirks)
    second = encode(ModelRequest(model="m", system="s", messages=(*before, *after)), quirks)
    assert second.startswith(first.removesuffix(b"]}"))


def test_reasoning_goes_back_only_where_it_must() -> None:
    sent = ModelRequest(model="m", system="", messages=(STEP[1], AssistantMessage(text="x", calls=(CALL,))))

    def replayed(**quirks: object) -> list[dict[str, object]]:
        wire = body(sent, msgspec.convert(quirks, Quirks))
        found = msgspec.convert(wire["messages"], list[dict[str, object]])
        return [{key: value for key, value in message.items() if key.startswith("reasoning")} for message in found]

    assert replayed() == [{}, {}]
    assert replayed(replay="reasoning") == [{"reasoning": "because"}, {"reasoning": "(reasoning omitted)"}]
    assert replayed(replay="reasoning_content")[0] == {"reasoning_content": "because"}
    assert replayed(replay="reasoning_content", default_effort="off") == [{}, {}]
    assert replayed_chars(sent, Quirks(replay="reasoning")) == len("because")
    assert replayed_chars(sent, Quirks()) == 0


@pytest.mark.parametrize("arguments", ["", "{", "[1]", '{"a": NaN}', "[" * 10_000])
def test_arguments_that_are_no_object_cannot_spoil_the_history(arguments: str) -> None:
    call = ToolCall(id="c", name="n", arguments=arguments)
    sent = body(ModelRequest(model="m", system="", messages=(AssistantMessage(text="", calls=(call,)),)))
    assert sent["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {
                        "name": "n",
                        "arguments": msgspec.json.encode({"invalid_arguments": arguments}).decode(),
                    },
                }
            ],
        }
    ]


def test_quirks_shape_the_request() -> None:
    quirks = Quirks(max_output=9, output_field="max_completion_tokens", usage_in_stream=False)
    assert body(ModelRequest(model="m", system="", messages=()), quirks) == {
        "model": "m",
        "stream": True,
        "max_completion_tokens": 9,
        "messages": [],
    }


def test_adjacent_text_of_one_read_is_one_event() -> None:
    chunks = [delta(reasoning="a"), delta(reasoning_content="b", reasoning="b"), delta(content="c"), delta(content="d")]
    assert decode(*chunks, delta("stop")) == [ReasoningDelta("ab"), TextDelta("cd"), Finished("stop")]


def test_content_in_parts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "x"}]
    assert decode(delta(content=parts), delta("stop")) == [ReasoningDelta("hm"), TextDelta("x"), Finished("stop")]


def test_only_the_first_choice_counts() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}
    assert decode(other, delta(content="yes"), delta("stop")) == [TextDelta("yes"), Finished("stop")]


A, B = '{"a":1}', '{"b":2}'
TWO = [("a", "one", A), ("b", "two", B)]


@pytest.mark.parametrize(
    ("chunks", "calls"),
    [
        (
            [
                call_delta(0, "a", name="one", arguments='{"a"'),
                call_delta(1, "b", name="two", arguments='{"b"'),
                call_delta(0, arguments=":1}"),
                call_delta(1, arguments=":2}"),
            ],
            TWO,
        ),
        ([call_delta(None, "a", name="one", arguments=A), call_delta(None, "b", name="two", arguments=B)], TWO),
        (
            [
                call_delta(None, "a", name="one", arguments='{"a"'),
                call_delta(None, None, arguments=":1}"),
                call_delta(None, "b", name="two", arguments='{"b"'),
                call_delta(None, "b", arguments=":2}"),
            ],
            TWO,
        ),
        ([call_delta(0, "a", name="one", arguments=A), call_delta(0, "b", name="two", arguments=B)], TWO),
        ([call_delta(0, None, name="one", arguments=A), call_delta(0, "a"), call_delta(1, "b", name="two", arguments=B)], TWO),
        (
            [call_delta(0, "a", name="one", arguments='{"a"'), call_delta(0, "a", name="one", arguments=":1}")],
            TWO[:1],
        ),
        (
            [call_delta(0, "a", name="one", arguments=A), call_delta(1, "a", name="two", arguments=B)],
            [("a", "one", A), ("call_2", "two", B)],
        ),
        ([call_delta(0, "", name="one", arguments=A)], [("call_1", "one", A)]),
        ([call_delta(None, None, name="one", arguments=A), call_delta(None, None, name="two", arguments=B)],
         [("call_1", "one", A), ("call_2", "two", B)]),
        ([call_delta(0, "../../etc/passwd", name="one", arguments=A)], [("call_1", "one", A)]),
        ([call_delta(0, "functions.read:0", name="one", arguments=A)], [("functions.read:0", "one", A)]),
        ([call_delta(0, "x" * 129, name="one", arguments=A)], [("call_1", "one", A)]),
        ([call_delta(0, "a", name="one")], [("a", "one", "{}")]),
        ([call_delta(0, "a", name="one", arguments={"a": 1})], [("a", "one", A)]),
        ([call_delta(0, "a", name="one", arguments=' {"a" : 1}\n')], [("a", "one", ' {"a" : 1}\n')]),
        ([call_delta(0, "a", name="one", arguments='{"a":1')], [("a", "one", '{"a":1')]),
    ],
    ids=[
        "interleaved", "no-index", "no-index-continued", "same-index", "late-id", "repeated-id", "same-id", "empty-id",
        "no-id-no-index", "path-id", "dotted-id", "long-id", "no-arguments", "object", "bytes-kept", "invalid-kept",
    ],
)  # fmt: skip
def test_calls_are_put_together(chunks: list[object], calls: list[tuple[str, str, str]]) -> None:
    expected = [CallReady(ToolCall(id=i, name=n, arguments=a)) for i, n, a in calls]
    assert decode(*chunks, delta("tool_calls")) == [*expected, Finished("tool_calls")]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_call_cut_by_a_limit_cannot_be_taken_for_whole(reason: FinishReason) -> None:
    chunks = [call_delta(0, "a", name="one", arguments=A), call_delta(1, "b", name="two", arguments="")]
    assert decode(*chunks, delta(reason)) == [
        CallReady(ToolCall(id="a", name="one", arguments=A)),
        CallReady(ToolCall(id="b", name="two", arguments=CUT_BY_LIMIT)),
        Finished(reason),
    ]


def test_oversized_arguments_are_dropped_and_said_so() -> None:
    piece = '{"a": "' + "x" * 300_000
    [ready, finished] = decode(*[call_delta(0, "a", name="one", arguments=piece)] * 5, delta("tool_calls"))
    assert isinstance(ready, CallReady)
    assert ready.call.arguments == piece[:KEPT_OF_OVERSIZE] + CUT_BY_SIZE
    assert not is_object(ready.call.arguments)
    assert finished == Finished("tool_calls")


def test_of_too_many_calls_one_more_than_may_run_is_kept_to_be_refused() -> None:
    chunks = [call_delta(n, f"id{n}", name="x", arguments="{}") for n in range(1000)]
    ready = [event.call.id for event in decode(*chunks, delta("tool_calls")) if isinstance(event, CallReady)]
    assert ready == [f"id{n}" for n in range(MAX_CALLS + 1)]


def test_what_all_calls_keep_is_bounded() -> None:
    chunks = [call_delta(n, f"id{n}", name="x", arguments='"' + "x" * 1_000_000) for n in range(20)]
    ready = [event.call.arguments for event in decode(*chunks, delta("tool_calls")) if isinstance(event, CallReady)]
    assert sum(map(len, ready)) < 11_000_000
    assert [text.endswith(CUT_BY_TOTAL) for text in ready] == [False] * 10 + [True] * 10


def test_a_runaway_answer_is_an_error() -> None:
    flood = [call_delta(0, "a", name="x", arguments="x" * 1_000_000)] * 68
    with pytest.raises(ProviderError, match="none of them was run"):
        decode(*flood)


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("new", "unknown"),
    ],
)
def test_finish_reasons(wire: str, reason: FinishReason) -> None:
    assert decode(delta(wire, content="x"))[-1] == Finished(reason)


def test_an_echo_of_what_stands_for_no_reasoning_is_dropped() -> None:
    assert decode(delta(reasoning_content="(reasoning omitted)"), delta(content="x")) == [
        TextDelta("x"),
        Finished("stop"),
    ]


def test_a_stream_without_any_end_mark() -> None:
    assert decode(delta(content="x"), done=False) == [TextDelta("x"), Finished("unknown")]
    for chunks in ([], [call_delta(0, "a", name="x", arguments="{}")]):
        with pytest.raises(ProviderError) as caught:
            decode(*chunks, done=False)
        assert caught.value.category == "network"


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 3}, Usage(input_tokens=9, output_tokens=3)),
        (
            {"prompt_tokens": 9, "completion_tokens": 3, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 4},
            Usage(input_tokens=9, output_tokens=3, prompt_cache_hit_tokens=5, prompt_cache_miss_tokens=4),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            Usage(
                input_tokens=9,
                output_tokens=3,
                prompt_cache_hit_tokens=2,
                prompt_cache_miss_tokens=7,
                reasoning_tokens=1,
            ),
        ),
        ({"prompt_tokens": -1, "completion_tokens": None}, Usage(input_tokens=0, output_tokens=0)),
    ],
)
def test_usage_in_every_spelling(counts: dict[str, object], usage: Usage) -> None:
    running: dict[str, object] = {"choices": [], "usage": {"prompt_tokens": 1}}
    chunks: list[object] = [delta(content="x"), delta("stop"), running, {"usage": counts}]
    assert decode(*chunks) == [TextDelta("x"), UsageReported(usage), Finished("stop")]


def test_usage_that_makes_no_sense_is_no_usage() -> None:
    chunk: dict[str, object] = {"choices": [], "usage": {"prompt_tokens": "many"}}
    assert decode(delta(content="x"), delta("stop"), chunk) == [TextDelta("x"), Finished("stop")]


def test_replayed_reasoning_is_estimated() -> None:
    [_, usage, _] = decode(delta("stop", content="x"), {"usage": {"prompt_tokens": 9}}, replayed=40)
    assert usage == UsageReported(Usage(input_tokens=9, output_tokens=0, reasoning_replay_tokens=10))


@pytest.mark.parametrize(
    ("pieces", "reasoning"),
    [
        (("(reasoning omitted)",), []),
        (("(reason", "ing omitted)"), []),
        (("(reasoning", " about it"), [ReasoningDelta("(reasoning about it")]),
        (("(reason",), [ReasoningDelta("(reason")]),
        (("so ", "(reasoning omitted)"), [ReasoningDelta("so (reasoning omitted)")]),
    ],
)
def test_an_echo_of_our_own_placeholder_is_dropped(pieces: tuple[str, ...], reasoning: list[ModelEvent]) -> None:
    thoughts = [delta(reasoning_content=piece) for piece in pieces]
    assert decode(*thoughts, delta(content="hi"), delta("stop")) == [*reasoning, TextDelta("hi"), Finished("stop")]
