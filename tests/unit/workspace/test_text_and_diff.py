"""Bytes to text and back, and diffs that can be applied."""

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.diff import Diff, unified
from codewhale.workspace.text import Text, decode, split_lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", Text("")),
        ("grün\n".encode(), Text("grün\n")),
        (b"\xef\xbb\xbfa\r\n", Text("a\r\n", "utf-8", b"\xef\xbb\xbf")),
        (b"\xff\xfea\0\n\0", Text("a\n", "utf-16-le", b"\xff\xfe")),
        (b"\xfe\xff\0a\0\n", Text("a\n", "utf-16-be", b"\xfe\xff")),
        (b"gr\xfcn", Text("grün", "latin-1")),
    ],
)
def test_encodings_are_recognised_and_kept(content: bytes, expected: Text) -> None:
    form = decode(content, "x")
    assert form == expected
    assert form.encode(form.text) == content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x7fELF\0\0", "holds NUL bytes"),
        (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
        (b"\xff\xfe\x00\xd8", "its byte order mark says UTF-16"),
        (b"\xef\xbb\xbf\xff", "its byte order mark says UTF-8, but byte 3"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        decode(content, "x")


def test_only_lf_ends_a_line() -> None:
    assert split_lines("a\r\nb\rc\x0cd\u2028e\n\nf") == ["a\r\n", "b\rc\x0cd\u2028e\n", "\n", "f"]
    assert split_lines("") == []


@pytest.mark.parametrize(
    ("text", "ends"), [("", "lf"), ("a\nb", "lf"), ("a\r\nb\r\n", "crlf"), ("a\r\nb\n", "mixed"), ("a\rb", "lf")]
)
def test_line_ends(text: str, ends: str) -> None:
    assert Text(text).line_ends == ends


def test_a_diff_shows_line_ends_and_the_missing_final_newline() -> None:
    assert unified("x", "a\nb\r\nc", "a\nB\r\nc\n") == Diff(
        text=("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\r\n-c\n\\ No newline at end of file\n+B\r\n+c\n"),
        added=2,
        removed=2,
    )


def test_creation_and_deletion() -> None:
    assert unified("x", None, "a\n").text == "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n"
    assert unified("x", "a\n", None).text == "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    assert unified("x", "a\n", "a\n") == Diff(text="", added=0, removed=0)


def test_distant_changes_are_separate_hunks_and_near_ones_share() -> None:
    old = [f"{n}\n" for n in range(40)]
    new = [*old[:5], "x\n", *old[6:10], "y\n", *old[11:30], "z\n", *old[31:]]
    text = unified("f", "".join(old), "".join(new)).text
    assert [line for line in text.split("\n") if line.startswith("@@")] == ["@@ -3,12 +3,12 @@", "@@ -28,7 +28,7 @@"]


def test_a_long_diff_is_cut_at_a_hunk_and_says_so() -> None:
    old = "".join(f"{n}\n" for n in range(400))
    diff = unified("f", old, old.replace("0\n", "x\n"), limit=300)
    assert diff.cut
    assert len(diff.text) <= 300
    assert (diff.added, diff.removed) == (40, 40)


def test_a_strange_name_is_quoted() -> None:
    assert unified('a"\n', "x", "y").text.startswith('--- "a/a\\"\\n"\n')
