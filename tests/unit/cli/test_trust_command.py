"""`codewhale trust` and `codewhale redact` as a person or a script uses them."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from codewhale.surfaces.cli.main import main

if TYPE_CHECKING:
    from conftest import Codewhale

SERVER = '{"mcpServers": {"a": {"command": "sh", "args": ["-c", "echo"]}}}'


@pytest.fixture
def work(home: Path) -> Path:
    work = home.parent / "work"
    (work / ".mcp.json").write_text(SERVER)
    (work / "Makefile").write_text("all:\n")
    return work


def shown(codewhale: "Codewhale") -> dict[str, Any]:
    return {one["path"]: one for one in msgspec.json.decode(codewhale("trust", "show", "--json").out)}


def test_what_could_run_is_listed(codewhale: "Codewhale", work: Path) -> None:
    ran = codewhale("trust")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "UNTRUSTED  .mcp.json  (programs that are started as tool servers)",
        "Other programs may run what is in these; codewhale does not:",
        "  Makefile",
    ]
    assert "runs     sh -c echo" in codewhale("trust", "show").out
    (work / ".mcp.json").unlink()
    assert codewhale("trust").out.startswith("Nothing in ")


def test_a_script_grants_by_digest_and_only_what_it_was_shown(codewhale: "Codewhale", work: Path) -> None:
    digest = shown(codewhale)[".mcp.json"]["digest"]
    assert codewhale("trust", "grant").code == 1
    assert codewhale("trust", "grant", "--yes", "0" * 64).code == 1
    assert not shown(codewhale)[".mcp.json"]["trusted"]
    assert codewhale("trust", "grant", "--yes", digest).code == 0
    assert shown(codewhale)[".mcp.json"]["trusted"]
    assert "waits for your trust" in codewhale("doctor").out
    (work / ".mcp.json").write_text(SERVER + "\n")
    assert not shown(codewhale)[".mcp.json"]["trusted"]
    assert codewhale("trust", "grant", "--yes", digest).code == 1
    assert "never run: .mcp.json" in codewhale("doctor").out
    assert codewhale("trust", "revoke").out == "1 no longer trusted.\n"


@pytest.mark.parametrize(("typed", "trusted"), [(b"\n", False), (b"y\n", False), (b"no\n", False), (b"yes\n", True)])
def test_only_the_word_yes_counts(
    codewhale: "Codewhale", work: Path, monkeypatch: pytest.MonkeyPatch, typed: bytes, *, trusted: bool
) -> None:
    assert work.exists()
    person, terminal = os.openpty()
    with os.fdopen(terminal, "r") as typing, os.fdopen(os.dup(terminal), "w") as screen:
        os.write(person, typed)
        with monkeypatch.context() as seated:
            seated.setattr(sys, "stdin", typing)
            seated.setattr(sys, "stdout", screen)
            main(["trust", "grant"])
    os.close(person)
    assert shown(codewhale)[".mcp.json"]["trusted"] is trusted


def test_wrong_words_are_told(codewhale: "Codewhale", work: Path) -> None:
    assert work.exists()
    for words in (["show", "nothing"], ["grant", "Makefile2"], ["path", "add", "/"], ["path", "remove", "/none"]):
        assert codewhale("trust", *words).code == 1, words
    for words in (["list", "--yes", "x"], ["grant", "--json"], ["path", "add"], ["path", "list", "x"]):
        assert codewhale("trust", *words).code == 2, words


def test_kinds_of_secrets_are_listed_and_tried(
    codewhale: "Codewhale", home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "config.toml").write_text('[redaction]\noff = ["jwt"]\n[redaction.patterns]\nacme = "acme_[a-z0-9]{8,}"\n')
    rows = {row["id"]: row["on"] for row in msgspec.json.decode(codewhale("redact", "list", "--json").out)}
    assert (rows["known-secret"], rows["jwt"], rows["acme"], rows["npm-token"]) == (True, False, True, True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("use acme_abcd1234 now\n"))
    assert codewhale("redact", "test").out == "use [redacted:acme] now\n"


@pytest.mark.parametrize("line", ['off = ["jwtt"]', 'patterns = { acme = "(a+)+" }', 'extra = ["short"]'])
def test_a_setting_that_cannot_be_is_told(codewhale: "Codewhale", home: Path, line: str) -> None:
    home.mkdir()
    (home / "config.toml").write_text(f"[redaction]\n{line}\n")
    ran = codewhale("redact", "list")
    assert (ran.code, "redaction" in ran.err) == (1, True)
