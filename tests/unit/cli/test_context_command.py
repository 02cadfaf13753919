"""`codewhale context`, `skills` and `memory` as a person reads them and as a script does."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from codewhale.domain.context_report import ContextReport, Large, Piece, SentRequest
from codewhale.surfaces.cli.context_text import difference, filling

if TYPE_CHECKING:
    from conftest import Codewhale

SENT = SentRequest(
    seq=9,
    at="2026-01-31T10:00:00.000Z",
    turn_id="turn_1",
    step=1,
    provider="deepseek",
    model="m",
    messages=1,
    chars=8000,
    input_tokens=2000,
    expected=0,
    hit=0,
    missed=0,
    differs="",
    cause="the first request",
    declared=False,
    lost_usd=None,
)
REPORT = ContextReport(
    thread_id="thr_1",
    model="m",
    provider="deepseek",
    window=10_000,
    tokens=4000,
    chars_per_token=4.0,
    pieces=(
        Piece(kind="part", name="base", count=1, chars=4000, tokens=1000),
        Piece(kind="part", name="memory", count=1, chars=400, tokens=100),
        Piece(kind="tool", name="read_file", count=1, chars=3600, tokens=900),
        Piece(kind="messages", name="results of read_file", count=3, chars=8000, tokens=2000),
    ),
    largest=(Large(number=4, name='result of read_file {"path":"big.py"}', chars=6000, tokens=1500),),
    requests=(
        SENT,
        replace(SENT, step=2, input_tokens=3000, expected=2000, hit=1984, missed=16, cause=""),
        replace(
            SENT,
            step=3,
            input_tokens=3500,
            expected=1000,
            hit=0,
            missed=1000,
            differs="system",
            cause="context.pinned: settings, other: environment",
            declared=True,
            lost_usd=0.0005,
        ),
    ),
)


def test_what_fills_the_window_is_drawn() -> None:
    assert filling(REPORT) == (
        "thr_1  m by deepseek\n"
        "about 4,000 tokens of 10,000 (40.0%), 4 characters each\n"
        "the last request had 3,500, as the provider counted\n"
        f"[{'#' * 24}{'.' * 36}]\n"
        "\n"
        "System text: 1,100\n"
        f"      1,000   10.0%  ##{'.' * 22}  base\n"
        f"        100    1.0%  #{'.' * 23}  memory\n"
        "\n"
        "Tools: 900\n"
        f"        900    9.0%  ##{'.' * 22}  read_file\n"
        "\n"
        "Messages: 2,000\n"
        f"      2,000   20.0%  #####{'.' * 19}  results of read_file (3)\n"
        "\n"
        "Largest messages:\n"
        '      1,500  result of read_file {"path":"big.py"} (message 4)\n'
    )


def test_a_window_that_nobody_knows_is_not_made_up() -> None:
    text = filling(replace(REPORT, window=None, provider=None))
    assert "about 4,000 tokens; the model's window is not known" in text
    assert f"[{'#' * 60}]" in text


def test_what_the_cache_missed_is_told_with_its_cause_and_price() -> None:
    assert difference(REPORT, every=False) == (
        "2026-01-31T10:00:00.000Z  step 3  m: 3,500 tokens in; the cache should have had 1,000, hit 0\n"
        "    differs first in: system\n"
        "    because: context.pinned: settings, other: environment (declared)\n"
        "    missed 1,000 tokens, which cost $0.000500 more\n"
        "2 requests missed nothing to speak of, or nobody told (--all shows them).\n"
        "3 requests: 8,500 tokens in, 1,984 of them from the cache (23.3%); 1,016 missed that it should have had, $0.000500\n"
    )
    assert difference(REPORT, every=True).count("tokens in; ") == 3


def test_without_counts_nothing_is_claimed() -> None:
    silent = replace(SENT, input_tokens=None, hit=None, missed=None)
    assert difference(replace(REPORT, requests=(silent,)), every=True) == (
        "2026-01-31T10:00:00.000Z  step 1  m: 8,000 characters; the cache should have had 0, the provider tells no hits\n"
        "    because: the first request\n"
        "1 request; no provider told of cache hits.\n"
    )
    assert difference(replace(REPORT, requests=()), every=True) == "No request of this conversation is on record.\n"


@pytest.mark.usefixtures("home")
def test_without_threads_the_command_says_so(codewhale: "Codewhale") -> None:
    ran = codewhale("context", "show", "thr_1")
    assert (ran.code, ran.out) == (1, "")
    assert "there are no threads" in ran.err


def test_skills_on_the_command_line(codewhale: "Codewhale", home: Path) -> None:
    assert codewhale("skills").out == f"No skills here; yours go to {home}/skills\n"
    source = home.parent / "source"
    (source / "bin").mkdir(parents=True)
    (source / "SKILL.md").write_text("---\nname: pdf\ndescription: Makes PDFs\n---\nDo \x1b[31mthis.\n")
    (source / "bin/run").write_text("echo")
    installed = codewhale("skills", "install", str(source))
    assert installed.out.splitlines() == [
        f"pdf is in {home}/skills/pdf now.",
        "It brings programs, which are not trusted yet: `codewhale skills trust pdf`.",
    ]
    assert codewhale("skills").out.splitlines()[:2] == ["on   pdf  (programs: untrusted)", "     Makes PDFs"]
    assert codewhale("skills", "disable", "pdf").out == "pdf is off.\n"
    (skill,) = msgspec.json.decode(codewhale("skills", "list", "--json").out)["skills"]
    assert (skill["enabled"], skill["scripts"]) == (False, "untrusted")
    assert codewhale("skills", "enable", "pdf").out == "pdf is on.\n"
    shown = codewhale("skills", "show", "pdf").out
    assert "\x1b" not in shown
    asked = codewhale("skills", "trust", "pdf")
    assert (asked.code, "nothing was trusted" in asked.err) == (1, True)
    digest = shown.partition("digest: ")[2].split()[0]
    assert codewhale("skills", "trust", "pdf", "--yes", "0" * 64).code == 1
    trusted = codewhale("skills", "trust", "pdf", "--yes", digest)
    assert trusted.out == "pdf is trusted as it is now; any change takes it back.\n"
    assert codewhale("skills", "trust", "pdf").out == "pdf is trusted as it is.\n"
    assert codewhale("skills", "remove", "pdf").out == "pdf was removed.\n"
    assert codewhale("skills", "show", "pdf").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("skills", "show"), "`skills show` needs a name"),
        (("skills", "list", "pdf"), "`skills list` takes no name"),
        (("skills", "enable", "pdf", "--replace"), "--replace is for `skills install`"),
        (("memory", "path", "--json"), "--json is for `memory show`"),
    ],
)
def test_a_command_line_that_makes_no_sense(codewhale: "Codewhale", words: tuple[str, ...], said: str) -> None:
    ran = codewhale(*words)
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_memory_on_the_command_line(
    codewhale: "Codewhale", home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home.mkdir()
    (home / "memory.md").write_text("- Short \x1b]0;answers.\n")
    off = codewhale("memory").out
    assert off.startswith("Memory is switched off: ")
    assert "\x1b" not in off
    monkeypatch.setenv("DEEPSEEK_MEMORY", "on")
    monkeypatch.setenv("DEEPSEEK_MEMORY_PATH", str(tmp_path / "mine.md"))
    (tmp_path / "mine.md").write_text("- Mine.\n")
    own, everywhere = codewhale("memory", "path").out.splitlines()
    assert everywhere == str(tmp_path / "mine.md")
    assert codewhale("memory").out == f"This project ({own}):\n(nothing yet)\n\nEverywhere ({everywhere}):\n- Mine.\n"
    assert msgspec.json.decode(codewhale("memory", "--json").out)["everywhere"] == "- Mine.\n"
