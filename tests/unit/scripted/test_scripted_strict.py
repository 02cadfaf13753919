"""What a strict server accepts: every rule with a conversation that breaks only it."""

import msgspec
import pytest

from codewhale.llm.scripted.asked import read_body
from codewhale.llm.scripted.strict import complaint

Talk = list[dict[str, object]]
USER: dict[str, object] = {"role": "user", "content": "go"}
SYSTEM: dict[str, object] = {"role": "system", "content": "rules"}


def calling(*ids: str, arguments: str = "{}", content: str | None = None) -> dict[str, object]:
    calls = [{"id": i, "type": "function", "function": {"name": "read", "arguments": arguments}} for i in ids]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def result(ident: str) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": ident, "content": "done"}


def said(talk: Talk) -> str | None:
    return complaint(read_body(msgspec.json.encode({"model": "m", "messages": talk})))


@pytest.mark.parametrize(
    "talk",
    [
        [USER],
        [SYSTEM, USER],
        [USER, {"role": "assistant", "content": "hi"}, USER],
        [USER, calling("a", "b"), result("b"), result("a")],
        [USER, calling("a"), result("a"), USER],
        [USER, calling("a"), result("a"), calling("b", content="so"), result("b")],
    ],
)
def test_a_well_formed_conversation_passes(talk: Talk) -> None:
    assert said(talk) is None


@pytest.mark.parametrize(
    ("talk", "wrong"),
    [
        ([], "messages is empty"),
        ([{"role": "assistant", "content": "hi"}, USER], "messages[0]: the first message must be from system or user"),
        ([USER, {"role": "robot", "content": "x"}], "messages[1]: unknown role 'robot'"),
        ([{"role": "user", "content": [{"type": "text", "text": "x"}]}], "messages[0]: content must be a string"),
        ([{"role": "user", "content": None}], "messages[0]: a user message needs content"),
        ([USER, SYSTEM, USER], "messages[1]: a system message must be at the beginning"),
        (
            [USER, {"role": "assistant", "content": ""}, USER],
            "messages[1]: an assistant message needs content or tool_calls",
        ),
        ([USER, calling("a")], "tool call 'a' has no result"),
        ([USER, calling("a"), USER], "messages[2]: tool call 'a' has no result before the next message"),
        (
            [USER, calling("a", "b"), result("a"), USER],
            "messages[3]: tool call 'b' has no result before the next message",
        ),
        ([USER, calling("a"), result("a"), result("a")], "messages[3]: the result 'a' belongs to no open tool call"),
        ([USER, calling("a"), result("x")], "messages[2]: the result 'x' belongs to no open tool call"),
        ([USER, {"role": "tool", "content": "x"}], "messages[1]: a tool message needs tool_call_id"),
        ([USER, calling("a", "a"), result("a")], "messages[1]: the tool call id 'a' is used twice"),
        (
            [USER, calling("a"), result("a"), calling("a"), result("a")],
            "messages[3]: the tool call id 'a' is used twice",
        ),
        (
            [USER, calling("a", arguments="{oops"), result("a")],
            "messages[1]: the arguments of tool call 'a' are not a JSON object",
        ),
        (
            [USER, calling("a", arguments="[]"), result("a")],
            "messages[1]: the arguments of tool call 'a' are not a JSON object",
        ),
        ([USER, {"role": "assistant", "content": "hi"}], "the last message must be from user or tool"),
    ],
)
def test_a_broken_conversation_is_refused_with_the_message_at_fault(talk: Talk, wrong: str) -> None:
    assert said(talk) == wrong
