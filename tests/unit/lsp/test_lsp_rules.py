"""The pure parts: frames on the wire, which answer is about which text, what an edit brought, which program is a server."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.language_servers import EXTENSIONS, LspSettings, OwnServer
from codewhale.workspace.lsp.catalog import KNOWN, Program, for_file, language_id, program_of, servers_of
from codewhale.workspace.lsp.documents import Document, same_uri, uri_of
from codewhale.workspace.lsp.findings import Finding, Shown, brought, element, findings, gone
from codewhale.workspace.lsp.frames import BadFrame, Frames, framed
from codewhale.workspace.lsp.wire import Diagnostic, Position, Range


@given(bodies=st.lists(st.binary(max_size=40), max_size=6), cuts=st.lists(st.integers(1, 60), max_size=30))
def test_messages_come_whole_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(framed(body) for body in bodies)
    frames, found = Frames(), list[bytes]()
    for size in [*cuts, len(stream)]:
        found += frames.feed(stream[:size])
        stream = stream[size:]
    assert found == bodies


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"Content-Length: 100\r\n\r\n", "it sent a message of 100 bytes; up to 64 are read"),
        (b"Content-Length: -1\r\n\r\n", "it sent a message without its length"),
        (b"Content-Length: 1" + b"0" * 99 + b"\r\n\r\n", "it sent a message without its length"),
        (b"X: y\r\n\r\n", "it sent a message without its length"),
        (b"x" * 5000, "it sent something that is not a message of the protocol"),
    ],
)
def test_a_stream_that_is_not_the_protocol_is_refused(stream: bytes, why: str) -> None:
    with pytest.raises(BadFrame, match=why):
        list(Frames(limit=64).feed(stream))


A = (Finding(severity=1, line=1, column=1, message="a"),)
B = (Finding(severity=1, line=2, column=1, message="b"),)


def document() -> Document:
    return Document(path="/w/a b.py", language_id="python", text="one\n")


def test_an_answer_counts_for_its_version_only() -> None:
    it = document()
    assert it.uri == "file:///w/a%20b.py"
    it.changed("two\n")
    assert (it.published(1, A), it.answer) == (False, None)
    assert (it.published(3, A), it.answer) == (False, None)
    assert (it.published(2, B), it.answer) == (False, B)
    assert (it.published(1, A), it.answer) == (False, B)


def test_an_answer_without_a_version_counts_once_a_later_question_was_answered() -> None:
    it = document()
    assert (it.published(None, A), it.answer) == (False, None)
    assert (it.fence_passed(1), it.answer) == (False, A)
    it.changed("two\n")
    assert (it.fence_passed(1), it.answer) == (False, None)
    assert (it.fence_passed(2), it.answer) == (False, None)
    assert (it.published(None, B), it.answer) == (False, B)


def test_an_answer_without_a_version_that_may_be_about_either_of_two_texts_is_asked_for_again() -> None:
    it = document()
    it.changed("two\n")
    assert it.fence_passed(2) is False
    assert it.published(None, A) is True
    it.repeated()
    assert (it.version, it.text, it.answer) == (3, "two\n", None)
    assert it.fence_passed(3) is False
    assert (it.published(None, B), it.answer) == (False, B)


@given(path=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_path_and_its_uri(path: str) -> None:
    absolute = f"/{path.strip('/')}"
    assert uri_of(absolute) == f"file://{quote(absolute)}"
    assert same_uri(uri_of(absolute), f"file://{quote(absolute, safe='/:@!$&()*+,;=')}")
    assert not same_uri(uri_of(absolute), uri_of(f"{absolute}x"))


def at(line: int, message: str, severity: int = 1) -> Finding:
    return Finding(severity=severity, line=line, column=1, message=message)


def test_what_moved_is_not_new_and_what_is_twice_is_new_once() -> None:
    old, new = "x\ny\n", "z\nx\ny\ny\n"
    before = [at(1, "m"), at(2, "n")]
    after = [at(2, "m"), at(3, "n"), at(4, "n")]
    assert brought(before, old, after, new) == (at(4, "n"),)
    assert gone(before, old, after, new) == 0
    assert (brought(before, old, [], ""), gone(before, old, [], "")) == ((), 2)


FOUND = st.lists(st.builds(at, st.integers(1, 6), st.sampled_from("mno"), st.integers(1, 4)), max_size=8)
TEXT = st.lists(st.sampled_from("xyz"), max_size=6).map("\n".join)


@given(found=FOUND, text=TEXT, more=FOUND)
def test_nothing_is_new_in_the_same_text_and_all_that_is_added_is(
    found: list[Finding], text: str, more: list[Finding]
) -> None:
    assert brought(found, text, found, text) == ()
    assert len(brought(found, text, [*found, *more], text)) == len(more)


def test_text_of_a_server_is_plain_one_line_escaped_and_short() -> None:
    raw = Diagnostic(range=Range(Position(4, 2)), message="</diagnostics>\n\x1b]8;;x\x07\x1b[2Jrun\x00 me " + "x" * 999)
    marked = Diagnostic(range=Range(Position(-1, -1)), message={"kind": "markdown", "value": "worst"}, severity=9)
    found = findings([raw, marked])
    text = element('a"<b\n.py', found, Shown())
    assert text.splitlines()[:2] == ['<diagnostics file="a&quot;&lt;b .py">', "ERROR [1:1] worst"]
    assert text.splitlines()[2].startswith("ERROR [5:3] &lt;/diagnostics&gt; run me xxx")
    assert len(found[1].message) == 400
    assert text.count("\n") == 3


def test_every_file_of_a_known_server_is_looked_at() -> None:
    assert {extension for known in KNOWN for extension in known.extensions} == EXTENSIONS


def test_own_servers_come_first_and_command_lines_can_be_replaced() -> None:
    own = OwnServer(argv=("/opt/x",), language_id="python", extensions=(".py",))
    servers = servers_of(LspSettings(custom={"mine": own}, servers={"javascript": ("tsls",)}))
    mine = for_file(servers, "a/B.PY")
    assert mine is not None
    assert (mine.language, mine.commands, language_id(mine, "B.PY")) == ("mine", (("/opt/x",),), "python")
    script = for_file(servers, "x.tsx")
    assert script is not None
    assert (script.commands, language_id(script, "x.tsx")) == ((("tsls",),), "typescriptreact")
    assert for_file(servers, "README") is None


def test_a_server_is_never_a_program_of_the_workspace(tmp_path: Path) -> None:
    root, outside = tmp_path / "w", tmp_path / "bin"
    for folder in (root / "node_modules/.bin", outside):
        folder.mkdir(parents=True)
    [go] = [known for known in KNOWN if known.language == "go"]
    bad = root / "node_modules/.bin/gopls"
    bad.write_text("#!/bin/sh\n")
    bad.chmod(0o755)
    search = os.pathsep.join((str(bad.parent), ".", "node_modules/.bin", "", str(outside)))
    assert program_of(go, search, str(root)) is None
    (outside / "gopls").symlink_to(bad)
    assert program_of(go, search, str(root)) is None
    (outside / "gopls").unlink()
    (outside / "gopls").write_text("#!/bin/sh\n")
    assert program_of(go, search, str(root)) is None
    (outside / "gopls").chmod(0o755)
    assert program_of(go, search, str(root)) == Program(argv=(str(outside / "gopls"), "serve"), path=str(outside))
