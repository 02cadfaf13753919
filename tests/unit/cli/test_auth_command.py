"""`codewhale auth`: keys go in by standard input and never come out."""

import io
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from codewhale.surfaces.cli.main import main

if TYPE_CHECKING:
    from conftest import Codewhale, Ran

KEY = "sk-0123456789abcdefghij"


@pytest.fixture
def typed(codewhale: "Codewhale", monkeypatch: pytest.MonkeyPatch) -> "Codewhale":
    """Runs `codewhale` with a text as standard input."""

    def run(text: str, *words: str) -> "Ran":
        with monkeypatch.context() as piped:
            piped.setattr(sys, "stdin", io.StringIO(text))
            return codewhale(*words)

    return run


def test_a_key_is_kept_shown_by_its_end_and_forgotten(codewhale: "Codewhale", typed: "Codewhale", home: Path) -> None:
    ran = typed(KEY + "\n", "auth", "set")
    assert (ran.code, ran.out) == (0, "")
    assert (
        ran.err == "The key of deepseek is kept in a file that only you can read, for https://api.deepseek.com alone.\n"
    )
    file = home / "secrets/secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = codewhale("auth", "get")
    assert (shown.code, shown.out) == (0, f"deepseek: (hidden, ends in ghij) from kept keys ({file})\n")
    assert codewhale("auth", "list").out == f"deepseek  (hidden, ends in ghij) from kept keys ({file})\n"
    assert "key       set, from" not in codewhale("auth", "status").out
    assert msgspec.json.decode(codewhale("auth", "status", "--json").out) == {
        "provider": "deepseek",
        "source": "keyring",
        "place": str(file),
        "key": "(hidden, ends in ghij)",
        "endpoint": "https://api.deepseek.com",
        "needed": True,
        "backend": "file",
        "kept_for": "https://api.deepseek.com",
    }
    assert codewhale("auth", "clear").err == "The kept key of deepseek is forgotten.\n"
    assert (codewhale("auth", "clear").code, codewhale("auth", "get").code) == (1, 1)
    lines = [msgspec.json.decode(line) for line in (home / "audit.log").read_text().splitlines()]
    assert [(line["event"], line["details"]) for line in lines] == [
        ("credential.save", {"provider": "deepseek", "endpoint": "https://api.deepseek.com", "backend": "file"}),
        ("credential.clear", {"provider": "deepseek", "backend": "file"}),
    ]


def test_a_key_on_the_command_line_is_refused_and_not_repeated(codewhale: "Codewhale", home: Path) -> None:
    for words in (
        ("auth", "set", "openai", KEY),
        ("auth", "set", f"--api-key={KEY}"),
        ("auth", "set", "--api-key", KEY),
    ):
        ran = codewhale(*words)
        assert ran.code == 2
        assert KEY not in ran.out + ran.err
    assert not (home / "secrets").exists()


@pytest.mark.parametrize("text", ["", "\n", "two words\n", "sk-\x1b[2J\n", "schlüssel\n", "sk-a\nsk-b\n", "k" * 9000])
def test_what_cannot_be_a_key_is_not_kept(typed: "Codewhale", home: Path, text: str) -> None:
    ran = typed(text, "auth", "set", "openai")
    assert ran.code == 1
    assert not (home / "secrets/secrets.json").exists()
    assert all(word not in ran.err for word in text.split() if len(word) > 3)


def test_a_key_is_for_the_address_that_the_settings_or_the_command_line_name(
    typed: "Codewhale", codewhale: "Codewhale", home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_BASE_URL", "https://evil.example/v1")
    ran = typed(KEY, "auth", "set")
    assert "for https://api.deepseek.com alone" in ran.err
    assert "note: it is not the one in use here (missing" not in ran.out
    status = codewhale("auth", "status")
    assert (status.code, "not used  a key is kept for https://api.deepseek.com" in status.out) == (1, True)
    assert "is not sent anywhere else" in codewhale("doctor").out
    mine = typed(KEY, "--base-url", "https://mine.example:8443/v1", "auth", "set", "deepseek")
    assert "for https://mine.example:8443 alone" in mine.err


def test_doctor_says_where_the_key_is(typed: "Codewhale", codewhale: "Codewhale", home: Path) -> None:
    typed(KEY, "auth", "set")
    assert f"set, from {home}/secrets/secrets.json" in codewhale("doctor").out
    found = msgspec.json.decode(codewhale("doctor", "--json").out)
    assert (found["api_key"], found["secret_backend"]) == ({"source": "keyring"}, "file")
    (home / "secrets/secrets.json").chmod(0o644)
    ran = codewhale("doctor")
    assert (ran.code, "has mode 0644" in ran.err) == (1, True)


def test_an_unknown_provider_is_known_before_a_key_is_typed(codewhale: "Codewhale") -> None:
    ran = codewhale("auth", "set", "opnai")
    assert (ran.code, "did you mean openai?" in ran.err) == (1, True)


def test_a_person_types_it_unseen(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return KEY

    person, terminal = os.openpty()
    with os.fdopen(terminal, "r") as typing, monkeypatch.context() as seated:
        seated.setattr(sys, "stdin", typing)
        seated.setattr("getpass.getpass", getpass)
        assert main(["auth", "set", "openai"]) == 0
    os.close(person)
    assert asked == ["Key of openai (it is not shown): "]
    assert KEY not in "".join(capfd.readouterr())
    assert (home / "secrets/secrets.json").exists()
