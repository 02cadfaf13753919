"""Changing one setting keeps every other byte of the person's file, whatever is in it."""

import tomllib
from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from tomlkit.exceptions import TOMLKitError

from codewhale.config.editing import value_in, with_value, without

WORDS = st.sampled_from(["a", "b", "retry", "providers", "x-y", "profiles"])
VALUES = st.sampled_from(
    ['"text"', "3", "true", "[1, 2] # few", "'lit'", '"""\nmany\nlines\n"""', "[\n  1,\n  # inside\n]"]
)
BLANKS = st.sampled_from(["", "\n", "# a comment\n", "\n# about what follows\n", "  # indented\n"])
PATHS = st.lists(WORDS, min_size=1, max_size=3, unique=True).map(tuple)
NEW = st.sampled_from(['new "text" # no comment', 7, 0.5, False, ["one", "two"]])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """TOML as people write it: keys, tables, comments and blanks between them, sometimes with CRLF."""
    lines: list[str] = []
    names: dict[tuple[str, ...], set[str]] = {(): set()}
    heads = draw(st.lists(PATHS, max_size=4, unique=True))
    for head in [(), *heads]:
        lines.append(draw(BLANKS))
        if head:
            lines.append(f"[{'.'.join(head)}]{draw(st.sampled_from(['', ' # of the table']))}\n")
        for key in draw(st.lists(WORDS, max_size=3, unique=True)):
            lines += [f"{key} = {draw(VALUES)}\n", draw(BLANKS)]
            names.setdefault(head, set()).add(key)
    text = "".join(lines)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def table(text: str) -> dict[str, Any] | None:
    try:
        tomlkit.parse(text)
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, TOMLKitError):
        return None


def settable(found: dict[str, Any], path: tuple[str, ...]) -> bool:
    for part in path[:-1]:
        if part not in found:
            return True
        if not isinstance(found[part], dict):
            return False
        found = found[part]
    return not isinstance(found.get(path[-1]), dict)


@given(documents(), PATHS, NEW)
def test_setting_a_key_changes_its_own_lines_alone(text: str, path: tuple[str, ...], value: object) -> None:
    before = table(text)
    if before is None or not settable(before, path):
        return
    after = with_value(text, path, value)
    wanted: dict[str, Any] = tomllib.loads(text)
    inner = wanted
    for part in path[:-1]:
        inner = inner.setdefault(part, {})
    is_new = path[-1] not in inner
    inner[path[-1]] = value
    assert tomllib.loads(after) == wanted
    if is_new:
        assert lines_kept(text, after), f"{text!r}\n{after!r}"
    else:
        assert without(after, path).splitlines() == without(text, path).splitlines()
    assert with_value(after, path, value) == after


@given(documents(), PATHS, NEW)
def test_taking_back_what_was_set_anew_gives_the_file_back(text: str, path: tuple[str, ...], value: object) -> None:
    before = table(text)
    if before is None or not settable(before, path):
        return
    after = with_value(text, path, value)
    again = without(after, path)
    if value_in(before, path) is None:
        assert [line for line in again.splitlines() if line.strip() and not line.startswith("[")] == [
            line for line in text.splitlines() if line.strip() and not line.startswith("[")
        ]


@given(documents(), PATHS)
def test_what_is_not_there_is_not_taken_out(text: str, path: tuple[str, ...]) -> None:
    before = table(text)
    if before is not None and without(text, ("surely-not", *path)) != text:
        raise AssertionError(text)


def lines_kept(before: str, after: str) -> bool:
    """Whether all lines of `before` are in `after`, in their order, byte for byte but for a missing last line end."""
    rest = iter(after.splitlines(keepends=True))
    return all(
        any(line.rstrip("\r\n") == new.rstrip("\r\n") for new in rest) for line in before.splitlines(keepends=True)
    )
