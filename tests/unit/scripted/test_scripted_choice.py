"""Which reply answers a request: decided by the request alone."""

import pytest

from codewhale.domain.errors import InvalidInput
from codewhale.llm.scripted.asked import Asked, Said
from codewhale.llm.scripted.choose import choose
from codewhale.llm.scripted.plan import cut, fill, plan, whole
from codewhale.llm.scripted.script import Script, parse_script

TURNS = parse_script("""
[[turn]]
when = { contains = "hurry" }
reply = [{ text = "hurrying" }, { text = "hurried" }]

[[turn]]
when = { result_contains = "Denied" }
reply = [{ text = "a no is a no" }]

[[turn]]
reply = [{ text = "first" }, { text = "second" }]

[[turn]]
reply = [{ text = "next turn" }]
""")
LINE = parse_script('reply = [{ text = "one" }, { text = "two" }, { text = "three" }]')
CALLS = parse_script('reply = [{ calls = [{ tool = ["read", "cat"] }] }]')


def asked(talk: str, tools: tuple[str, ...] = ("read",), model: str = "m") -> Asked:
    """A conversation in short: `u:text`, `a:text` and `t:text`, separated by `|`."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    parts = (part.split(":", 1) for part in talk.split("|"))
    return Asked(model=model, said=tuple(Said(role=roles[role], text=text) for role, text in parts), tools=tools)


def place(script: Script, talk: str) -> str:
    return choose(script, asked(talk)).place


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        ("u:go", "turn[2].reply[0]"),
        ("s:rules|u:go|a:x|t:r", "turn[2].reply[1]"),
        ("u:go|a:x|t:r|a:y|u:more", "turn[3].reply[0]"),
        ("u:context|u:go", "turn[2].reply[0]"),
        ("u:go|a:x|t:r|u:hurry up", "turn[0].reply[0]"),
        ("u:go|a:x|t:r|u:hurry up|a:z|t:r", "turn[0].reply[1]"),
        ("u:go|a:x|t:Denied: no", "turn[1].reply[0]"),
        ("u:go|a:x|t:Denied: no|t:fine", "turn[1].reply[0]"),
        ("u:go|a:x|t:r|a:y", "default"),
        ("u:a|a:b|u:c|a:d|u:e", "default"),
    ],
)
def test_turns_are_numbered_by_user_messages_and_replies_by_answers(talk: str, expected: str) -> None:
    assert place(TURNS, talk) == expected


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        ("u:a", "reply[0]"),
        ("u:a|a:b|u:c", "reply[1]"),
        ("u:a|a:b|t:r|a:c|t:r", "reply[2]"),
        ("u:a|a:b|a:c|a:d|u:e", "default"),
    ],
)
def test_plain_replies_are_numbered_by_all_answers(talk: str, expected: str) -> None:
    assert place(LINE, talk) == expected


def test_the_same_request_has_the_same_answer_whenever_it_comes() -> None:
    talk = "u:a|a:b|u:c"
    assert place(LINE, talk) == place(LINE, talk)


def test_a_request_without_tools_gets_a_short_text_in_place_of_calls() -> None:
    assert choose(CALLS, asked("u:a", tools=())).place == "short"
    titled = parse_script('untooled = { text = "A title" }\nreply = [{ text = "x" }]')
    assert choose(titled, asked("u:a", tools=())).place == "untooled"
    assert choose(titled, asked("u:a")).place == "reply[0]"


def called(script: Script, tools: tuple[str, ...]) -> str:
    request = asked("u:a", tools=tools)
    _, _, calls = whole(plan(script, choose(script, request), request))
    return calls[0][0].name


def test_the_first_tool_that_is_offered_is_called() -> None:
    assert called(CALLS, ("cat", "read")) == "read"
    assert called(CALLS, ("cat",)) == "cat"
    with pytest.raises(InvalidInput, match=r"reply\[0\]\.calls\[0\] wants to call read or cat"):
        called(CALLS, ("write",))
    forced = parse_script('reply = [{ calls = [{ tool = "no_such_tool", force = true }] }]')
    assert called(forced, ("cat",)) == "no_such_tool"


def test_call_ids_differ_from_step_to_step() -> None:
    script = parse_script(
        'reply = [{ calls = [{ tool = "read" }] }, { calls = [{ tool = "read" }, { tool = "read" }] }]'
    )
    ids: list[str] = []
    for talk in ("u:a", "u:a|a:b|t:c"):
        request = asked(talk)
        ids += [call.id for call, _ in whole(plan(script, choose(script, request), request))[2]]
    assert ids == ["call_1_1", "call_2_1", "call_2_2"]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{result}}", "one\n\nRan 3 tests\nOK\n"),
        ("{{result|first}}, {{result|last}}", "one, OK"),
        ("<{{result|find Ran}}>", "<Ran 3 tests>"),
        ("<{{result|find nothing}}>", "<>"),
        ("you said {{prompt}}", "you said go"),
        ("{{other}} {result}", "{{other}} {result}"),
    ],
)
def test_a_reply_can_quote_what_it_saw(text: str, filled: str) -> None:
    assert fill(text, asked("u:go|a:x|t:one\n\nRan 3 tests\nOK\n")) == filled


def test_text_is_cut_into_at_least_two_pieces() -> None:
    assert cut("abcdefg", 3) == ["abc", "def", "g"]
    assert cut("abcd", 100) == ["ab", "cd"]
    assert cut("a", 100) == ["a"]
    assert cut("", 100) == []
