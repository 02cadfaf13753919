"""Replacing a passage: one match, kept line ends, and a miss that explains itself once."""

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.edit import Edit, Edited, apply_edit

SOURCE = "def a():\n    return 1\n\n\ndef b():\n    return 1\n"


def edit(text: str, search: str, replace: str, **more: bool) -> Edited:
    return apply_edit(text, Edit(search=search, replace=replace, **more), "f.py")


def problem(text: str, search: str, replace: str = "x", **more: bool) -> str:
    with pytest.raises(ToolError) as caught:
        edit(text, search, replace, **more)
    assert caught.value.category == "invalid_input"
    return caught.value.message


def test_one_match_is_replaced() -> None:
    edited = edit(SOURCE, "def b():\n    return 1", "def b():\n    return 2")
    assert edited == Edited(text="def a():\n    return 1\n\n\ndef b():\n    return 2\n", lines=(5,))


def test_several_matches_are_an_error_that_lists_them() -> None:
    assert problem(SOURCE, "return 1") == (
        "`search` occurs 2 times in f.py, at lines 2, 6. Add surrounding lines to `search` so that it fits one place, "
        "or set replace_all."
    )
    assert edit(SOURCE, "return 1", "return 2", replace_all=True) == Edited(text=SOURCE.replace("1", "2"), lines=(2, 6))


def test_nothing_to_do_is_an_error() -> None:
    assert "the same" in problem(SOURCE, "a", "a")
    assert "the same" in problem(SOURCE, "a\r\nb", "a\nb")
    assert "is empty" in problem(SOURCE, "")


@pytest.mark.parametrize(
    ("text", "search", "replace", "expected"),
    [
        ("a\r\nb\r\nc\r\n", "a\nb\n", "a\nx\ny\n", "a\r\nx\r\ny\r\nc\r\n"),
        ("a\r\nb\r\nc", "b", "b\nx", "a\r\nb\r\nx\r\nc"),
        ("a\r\nb\nc\r\nd\n", "a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\r\nB\nc\r\nd\n"),
        ("a\nb\r\nc\n", "a\nb\nc\n", "a\nb\nb2\nc\n", "a\nb\r\nb2\r\nc\n"),
        ("a\r\nb", "b", "b\nc", "a\r\nb\r\nc"),
        ("a\nb\n", "a\r\nb", "x\r\ny", "x\ny\n"),
        ("a\r\nb\r\n", "a\n", "", "b\r\n"),
    ],
)
def test_line_ends_stay_line_by_line(text: str, search: str, replace: str, expected: str) -> None:
    assert edit(text, search, replace).text == expected


def test_a_miss_shows_the_closest_region_and_what_differs() -> None:
    assert problem(SOURCE, "def b():\n\treturn 1\n") == (
        "`search` does not occur in f.py. `fuzz: true` would accept this. Closest:\n"
        "     5| def b():\n     6|     return 1\n"
        "Line 6: only the indentation differs: the file has 4 spaces, `search` has 1 tab."
    )


@pytest.mark.parametrize(
    ("text", "search", "why"),
    [
        ("say 'hi'\n", "say ‘hi’\n", "typographic or plain"),
        ("a = 1 \nb\n", "a = 1\nb\n", "only the space at the end differs: the file has 1 space, `search` has none."),
        ("x  =  1\n", "x = 1\n", "only the spaces inside the line differ."),
        ("Total\n", "total\n", "only upper and lower case differ."),
        ("one\ntwo\n", "one\nthree\n", "Line 2: the file has 'two', `search` has 'three'."),
        ("one\ntwo\n", "one\ntwo\nthree\n", "`search` goes on for 1 more lines"),
        ("retrun value\n", "return value\n", "the file has 'retrun value'"),
    ],
)
def test_the_difference_in_words(text: str, search: str, why: str) -> None:
    assert why in problem(text, search)


def test_nothing_alike() -> None:
    assert problem("aaa\n", "zzzzzz") == (
        "`search` does not occur in f.py, and nothing there is like it. Read the file again."
    )


def test_a_miss_is_bounded() -> None:
    text = "".join(f"line {n} {'x' * 1000}\n" for n in range(2000))
    search = "".join(f"line {n} {'x' * 1000}\n" for n in range(500, 900)) + "not there\n"
    assert len(problem(text, search)) < 10_000


def test_fuzz_accepts_other_indentation_and_moves_the_replacement() -> None:
    text = "class A:\n\tdef f(self):\n\t\tif x:\n\t\t\treturn 1\n"
    edited = edit(
        text,
        "def f(self):\n    if x:\n        return 1\n",
        "def f(self):\n    if y:\n        return 2\n    return 3\n",
        fuzz=True,
    )
    assert edited == Edited(
        text="class A:\n\tdef f(self):\n\t\tif y:\n\t\t\treturn 2\n\t\treturn 3\n", lines=(2,), latitude="indentation"
    )


def test_fuzz_accepts_other_punctuation_but_only_once() -> None:
    assert edit("say “hi” – now\n", 'say "hi" - now', "bye", fuzz=True) == Edited(
        text="bye\n", lines=(1,), latitude="punctuation"
    )
    assert problem("‘a’\n’a’\n", "'a'", fuzz=True) == (
        "Ignoring punctuation, `search` fits 2 places in f.py, at lines 1, 2. Add surrounding lines to `search` so that it "
        "fits one place."
    )


def test_an_exact_match_needs_no_latitude() -> None:
    assert edit("  a\na\n", "\na\n", "\nb\n", fuzz=True).latitude is None
