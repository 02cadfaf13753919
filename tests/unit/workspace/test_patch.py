"""Reading patches, and putting hunks where they fit."""

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.hunks import Applied, apply_hunks
from codewhale.workspace.patch import FilePatch, Hunk, Line, parse_patch

GIT = """diff --git a/src/a.py b/src/a.py
index 1111111..2222222 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,3 +1,3 @@ def f():
 one
-two
+TWO
 three
"""
HUNK = Hunk(lines=(Line(" ", "one"), Line("-", "two"), Line("+", "TWO"), Line(" ", "three")), start=1, hint="def f():")


def problem(patch: str, path: str | None = None) -> str:
    with pytest.raises(ToolError) as caught:
        parse_patch(patch, path)
    return caught.value.message


def apply(text: str, hunks: str, fuzz: int = 0) -> Applied:
    return apply_hunks(text, parse_patch(hunks, "f")[0], fuzz)


def misfit(text: str, hunks: str, fuzz: int = 0) -> str:
    with pytest.raises(ToolError) as caught:
        apply(text, hunks, fuzz)
    return caught.value.message


def test_a_git_diff() -> None:
    assert parse_patch(GIT) == (FilePatch(old="src/a.py", new="src/a.py", hunks=(HUNK,)),)


@pytest.mark.parametrize(
    "patch",
    [
        GIT,
        GIT.replace("\n", "\r\n"),
        f"```diff\n{GIT}```\n",
        f"From 1 Mon\nSubject: x\n\n{GIT}-- \n2.39.0\n",
        GIT.replace("@@ -1,3 +1,3 @@", "@@ -1,7 +1,9 @@"),
        GIT.replace("--- a/src/a.py\n+++ b/src/a.py", "--- src/a.py\t2026-01-01\n+++ src/a.py\t2026-01-02"),
        GIT + "\n",
    ],
    ids=["git", "crlf", "fence", "mail", "wrong counts", "plain names", "blank end"],
)
def test_forms_that_mean_the_same(patch: str) -> None:
    assert parse_patch(patch)[-1].hunks == (HUNK,)


def test_creation_deletion_rename_and_mode() -> None:
    patch = (
        "diff --git a/n b/n\nnew file mode 100755\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n"
        "diff --git a/d b/d\ndeleted file mode 100644\n--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        "diff --git a/o b/p\nsimilarity index 100%\nrename from o\nrename to p\n"
        "diff --git a/m b/m\nold mode 100644\nnew mode 100755\n"
        "diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n"
    )
    assert parse_patch(patch) == (
        FilePatch(old=None, new="n", hunks=(Hunk(lines=(Line("+", "x"),), start=0),), executable=True),
        FilePatch(old="d", new=None, hunks=(Hunk(lines=(Line("-", "x"),), start=1),)),
        FilePatch(old="o", new="p", hunks=(), renamed=True),
        FilePatch(old="m", new="m", hunks=(), executable=True),
        FilePatch(old=None, new="e", hunks=(), executable=False),
    )


def test_lines_that_look_like_headers_are_content_when_the_counts_say_so() -> None:
    patch = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n--- a\n+++ b\n c\n"
    assert parse_patch(patch)[0].hunks[0].lines == (Line("-", "-- a"), Line("+", "++ b"), Line(" ", "c"))


def test_the_envelope() -> None:
    patch = (
        "*** Begin Patch\n*** Update File: a.py\n*** Move to: b.py\n@@ class A\n@@ def f\n-x\n+y\n"
        "*** Add File: n.txt\n+one\n+\n*** Delete File: d.txt\n*** End Patch\n"
    )
    assert parse_patch(patch) == (
        FilePatch(
            old="a.py", new="b.py", renamed=True, hunks=(Hunk(lines=(Line("-", "x"), Line("+", "y")), hint="def f"),)
        ),
        FilePatch(old=None, new="n.txt", hunks=(Hunk(lines=(Line("+", "one"), Line("+", "")), start=0),)),
        FilePatch(old="d.txt", new=None, hunks=()),
    )


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("", "holds no file and no hunk"),
        ("hello", "holds no file and no hunk"),
        ("@@ -1 +1 @@\n-a\n+b\n", "names no file"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n a\n", "changes nothing"),
        ("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a\nb\n", "line 5: 'b' begins with none of space"),
        ("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n", "no regular file"),
        ("diff --git a/l b/l\nindex 1..2\nGIT binary patch\n", "binary"),
        ("--- /dev/null\n+++ /dev/null\n", "both sides"),
    ],
)
def test_what_cannot_be_read_says_where(patch: str, said: str) -> None:
    assert said in problem(patch)


def test_a_path_for_several_files_is_refused() -> None:
    assert "several files" in problem(GIT + GIT, "x")


def test_a_hunk_moves_to_the_only_place_that_fits() -> None:
    assert apply("0\n0\n0\none\ntwo\n", "@@ -1,2 +1,2 @@\n one\n-two\n+2\n") == Applied(
        text="0\n0\n0\none\n2\n", fuzz=(0,), offsets=(3,)
    )


def test_the_place_named_wins_and_otherwise_two_places_are_an_error() -> None:
    text = "a\nx\na\nx\n"
    assert apply(text, "@@ -4 +4 @@\n-x\n+y\n").text == "a\nx\na\ny\n"
    assert misfit(text, "@@ -3 +3 @@\n-x\n+y\n") == (
        "f: hunk 1 of 1 (said to begin at line 3) does not apply: it fits 2 places (lines 2, 4); give more context lines or "
        "right line numbers. Nothing was written."
    )


def test_hunks_without_numbers_follow_each_other_and_their_hint() -> None:
    text = "def a():\n  x\ndef b():\n  x\n"
    assert apply(text, "@@ def b():\n-  x\n+  y\n").text == "def a():\n  x\ndef b():\n  y\n"
    assert apply(text, "@@\n-def b():\n+def c():\n@@\n-  x\n+  z\n").text == "def a():\n  x\ndef c():\n  z\n"


def test_fuzz_is_zero_unless_asked_and_reported() -> None:
    text = "a\nb\nc\nd\ne\n"
    patch = "@@ -1,5 +1,5 @@\n A\n b\n-c\n+C\n d\n e\n"
    assert "hunk 1 of 1" in misfit(text, patch)
    assert apply(text, patch, fuzz=1) == Applied(text="a\nb\nC\nd\ne\n", fuzz=(1,), offsets=(0,))


def test_fuzz_never_drops_removed_lines() -> None:
    assert "does not apply" in misfit("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-x\n+y\n", fuzz=3)


@pytest.mark.parametrize(
    ("text", "hunk", "expected"),
    [
        ("a\r\nb\r\n", "@@ -1,2 +1,3 @@\n a\n-b\n+B\n+c\n", "a\r\nB\r\nc\r\n"),
        ("a\nb\r\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", "a\nB\r\nc\n"),
        ("a\nb", "@@ -2 +2 @@\n-b\n+B\n", "a\nB"),
        ("a\nb", "@@ -2 +2,2 @@\n b\n+c\n", "a\nb\nc"),
        ("a\nb", "@@ -2 +2 @@\n-b\n\\ No newline at end of file\n+b\n", "a\nb\n"),
        ("a\nb\n", "@@ -2 +2 @@\n-b\n+b\n\\ No newline at end of file\n", "a\nb"),
        ("a\r\nb\r\n", "@@ -1,2 +1,2 @@\n-a\r\n+a\n b\r\n", "a\nb\r\n"),
        ("a\n", "@@ -1,0 +2 @@\n+b\n", "a\nb\n"),
    ],
)
def test_line_ends_and_the_final_newline(text: str, hunk: str, expected: str) -> None:
    assert apply(text, hunk).text == expected


def test_a_misfit_shows_the_closest_region() -> None:
    assert misfit("x = 1\ny = 2\n", "@@ -1,2 +1,2 @@\n x = 1\n-y = 3\n+y = 4\n") == (
        "f: hunk 1 of 1 (said to begin at line 1) does not apply: its context and removed lines are not in the file. "
        "Nothing was written. Closest:\n     1| x = 1\n     2| y = 2\nLine 2: the file has 'y = 2', `search` has 'y = 3'."
    )
