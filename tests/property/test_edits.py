"""Edits and patches leave every byte alone that they do not mean, whatever the encoding and the line ends."""

import codecs
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.errors import ToolError
from codewhale.workspace.diff import unified
from codewhale.workspace.edit import Edit, apply_edit
from codewhale.workspace.files import Files
from codewhale.workspace.hunks import apply_hunks
from codewhale.workspace.patch import parse_patch
from codewhale.workspace.text import decode, split_lines

WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n"])
FORMS = st.sampled_from(
    [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")]
)


@st.composite
def texts(draw: st.DrawFn, words: st.SearchStrategy[str] = WORDS) -> str:
    """Lines with ends of either kind, the last perhaps without."""
    lines = draw(st.lists(st.tuples(words, ENDS), max_size=12))
    last = draw(words)
    return "".join(word + end for word, end in lines) + last


PLAIN_WORDS = WORDS.map(lambda word: word.replace("\r", ""))
PASSAGE = st.lists(st.tuples(PLAIN_WORDS, ENDS), min_size=1, max_size=3)
FEW = st.sampled_from(["", "a", "b", "  a", "\tb", "}", "-- x", "++ y", "@@ z", "\\ q", "*** End Patch", "a\r"])


@given(form=FORMS, before=texts(), after=texts(), lines=PASSAGE, new=WORDS)
def test_an_edit_keeps_all_bytes_around_it(
    form: tuple[bytes, str], before: str, after: str, lines: list[tuple[str, str]], new: str
) -> None:
    bom, encoding = form
    mark = "\ue000"
    if mark in before + after + new or any(mark in word for word, _ in lines) or (not bom and "\0" in before):
        return
    passage = "".join(mark + word + end for word, end in lines)
    content = bom + (before + passage + after).encode(encoding)
    known = decode(content, "f")
    search = passage.replace("\r\n", "\n")
    replace = search.replace(mark, mark + new + "!")
    edited = apply_edit(known.text, Edit(search=search, replace=replace), "f")
    expected = "".join(mark + new + "!" + word + end for word, end in lines)
    assert known.encode(edited.text) == bom + (before + expected + after).encode(encoding)


@given(before=texts(), after=texts(), new=texts(PLAIN_WORDS))
def test_replacing_one_mark_touches_nothing_else(before: str, after: str, new: str) -> None:
    mark = "\ue000"
    if mark in before + after + new:
        return
    edited = apply_edit(before + mark + after, Edit(search=mark, replace=new), "f").text
    assert edited.startswith(before)
    assert edited.endswith(after)
    middle = edited[len(before) : len(edited) - len(after)] if after else edited[len(before) :]
    assert middle.replace("\r\n", "\n") == new.replace("\r\n", "\n")


@given(old=texts(FEW), new=texts(FEW))
def test_a_diff_applied_gives_the_new_text_and_reversed_the_old(old: str, new: str) -> None:
    for one, other in ((old, new), (new, old)):
        diff = unified("f", one, other).text
        if one == other:
            assert diff == ""
            continue
        (patch,) = parse_patch(diff)
        assert apply_hunks(one, patch, 0).text == other


@given(form=FORMS, old=texts(FEW), new=texts(FEW))
def test_a_file_patched_and_patched_back_has_its_old_bytes(form: tuple[bytes, str], old: str, new: str) -> None:
    if old == new:
        return
    bom, encoding = form
    content = bom + old.encode(encoding)
    known = decode(content, "f")
    (forth,), (back,) = parse_patch(unified("f", old, new).text), parse_patch(unified("f", new, old).text)
    there = known.encode(apply_hunks(known.text, forth, 0).text)
    assert there == bom + new.encode(encoding)
    assert known.encode(apply_hunks(decode(there, "f").text, back, 0).text) == content


@given(content=st.binary(max_size=200))
def test_what_decodes_encodes_to_the_same_bytes(content: bytes) -> None:
    try:
        form = decode(content, "f")
    except ToolError:
        return
    assert form.encode(form.text) == content
    assert "".join(split_lines(form.text)) == form.text


@given(text=texts(FEW), patch=st.text(alphabet="ab+- @\n\\*", max_size=60))
def test_no_patch_does_more_than_change_or_refuse(text: str, patch: str) -> None:
    with suppress(ToolError):
        for each in parse_patch(patch, "f"):
            text = apply_hunks(text, each, 3).text


@given(content=st.binary(max_size=100), new=st.binary(max_size=100))
def test_bytes_written_are_the_bytes_read(content: bytes, new: bytes) -> None:
    with TemporaryDirectory() as folder:
        files = Files(folder)
        files.write("d/f", content, None)
        read = files.read("d/f")
        assert read.content == content
        files.write("d/f", new, read.stamp)
        assert files.read("d/f").content == new
        assert [path.name for path in Path(folder, "d").iterdir()] == ["f"]
