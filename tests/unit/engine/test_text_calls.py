"""Tool calls written as text: their marks go, however the stream is cut; everything else stays to the letter."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.engine.text_calls import TextCalls


def cleaned(*pieces: str) -> tuple[str, bool]:
    calls = TextCalls()
    text = "".join(calls.feed(piece) for piece in pieces) + calls.end()
    return text, calls.found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('<tool_call>{"name": "x"}</tool_call>', '{"name": "x"}'),
        ("[TOOL_CALL]{x}[/TOOL_CALL]", "{x}"),
        ('<deepseek:tool_calls>\n<invoke name="a b">', "\n"),
        ("<function_calls>x</function_calls> y", "x y"),
        ("`code` <tool_call> `<tool_call>`", "`code`  `<tool_call>`"),
    ],
)
def test_marks_are_left_out(text: str, left: str) -> None:
    assert cleaned(text) == (left, True)


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "<toolbox>",
        "[TOOL]",
        "write `<tool_call>` to call",
        "```\n<tool_call>{}</tool_call>\n```\n",
        "``a ` <invoke name='x'>``",
        "it ends in <tool_ca",
        "<invoke without end\n",
        "<tool_call " + "x" * 300 + ">",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert cleaned(text) == (text, False)


PARTS = st.sampled_from(
    ["<tool_call>", "</tool_call>", '<invoke name="x">', "[TOOL_CALL]", "`", "```", "\n", "<", "[", "a"]
)


@given(st.lists(PARTS, max_size=12).map("".join), st.lists(st.integers(0, 60), max_size=8))
def test_how_the_stream_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in pairwise(places)]
    assert cleaned(*pieces) == cleaned(text)
