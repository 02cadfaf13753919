"""`model = "auto"`: what words and length say, how much to think, and how a router's answer is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.llm.auto import LONG, LONG_SAVING, ROW_CHARS, ROWS, SHORT, decide, effort_for, routed, rows

MIDDLE = "please have a look at the thing we spoke of " * 4


@pytest.mark.parametrize(
    ("text", "saving", "strength"),
    [
        ("refactor the parser", False, "strong"),
        ("Review this.", True, "strong"),
        ("find the root cause", False, "strong"),
        ("重构这个模块", False, "strong"),
        ("審查這段程式", True, "strong"),
        ("implement a flag", False, "strong"),
        ("implement a flag", True, "fast"),
        ("实现这个函数", False, "strong"),
        ("hello", False, "fast"),
        ("x " * (LONG // 2 + 1), False, "strong"),
        ("x " * (LONG // 2 + 1), True, None),
        ("x " * (LONG_SAVING // 2 + 1), True, "strong"),
        (MIDDLE, False, None),
        ("rewriter is the name of a file", False, "fast"),
    ],
)
def test_which_model(text: str, saving: bool, strength: str | None) -> None:
    assert decide(text, cost_saving=saving).strength == strength


@pytest.mark.parametrize(
    ("text", "effort"),
    [
        ("why does it crash?", "max"),
        ("fix the failing test", "max"),
        ("这里报错了", "max"),
        ("エラーが出ます", "max"),
        ("where is the config read?", "low"),
        ("搜索所有用法", "low"),
        ("add a flag", "high"),
    ],
)
def test_how_much_to_think(text: str, effort: str) -> None:
    assert effort_for(text) == effort


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ('{"model": "strong", "thinking": "max"}', ("strong", "max")),
        ('Sure:\n```json\n{"model":"fast"}\n```', ("fast", None)),
        ('{"model": "gpt-9"}', None),
        ("strong", None),
        ("", None),
        ('{"model": "fast", "thinking": "enormous"}', None),
    ],
)
def test_what_a_router_says(answer: str, choice: tuple[str, str | None] | None) -> None:
    assert routed(answer) == choice


@given(st.text(max_size=3000), st.booleans())
def test_every_message_gets_a_reason(text: str, saving: bool) -> None:
    choice = decide(text, cost_saving=saving)
    assert choice.reason
    if len(text) < SHORT:
        assert choice.strength is not None


@given(st.lists(st.tuples(st.sampled_from(["person", "model"]), st.text(max_size=2000)), max_size=20))
def test_a_router_is_shown_little(said: list[tuple[str, str]]) -> None:
    assert len(rows(said)) <= ROWS * (ROW_CHARS + len("person: ") + 1)
