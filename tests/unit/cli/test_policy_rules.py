"""`codewhale policy`: rules, expectations, the past; and a headless run that would run programs by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codewhale.config.load import load
from codewhale.surfaces.cli.exec import refuse_bare
from codewhale.surfaces.cli.parser import UsageError

Codewhale = Callable[..., Any]

EXPECTATIONS = """
[[expect]]
command = "git -C x push"
verdict = "deny"
rule = "git push"
[[expect]]
tool = "write_file"
arguments = {path = "AGENTS.md", content = ""}
verdict = "deny"
mode = "yolo"
[[expect]]
tool = "read_file"
arguments = {path = "a.txt"}
verdict = "allow"
"""


def test_rules_from_the_first_to_the_last(codewhale: Codewhale, home: Path) -> None:
    assert codewhale("policy", "rules").out.startswith("There are no rules")
    added = codewhale("policy", "rules", "add", "deny", "git", "push", "--yes", "--reason", "not from here")
    assert added.code == 0
    assert "it would have changed none" in added.out
    assert codewhale("policy", "rules").out.startswith('  1  deny "git push"  (not from here)\n')
    assert codewhale("policy", "rules", "add", "allow", "npm", "test").code == 2
    assert codewhale("policy", "explain", "ls; git push origin").out.startswith("deny: a rule of yours denies it")
    assert codewhale("policy", "rules", "remove", "1").out == 'Removed: deny "git push"\n'
    assert codewhale("policy", "rules", "remove", "1").code == 1
    (home / "permissions.toml").write_text("[[rules]")
    broken = codewhale("policy", "rules")
    assert broken.code == 1
    assert "everything is asked" in broken.out


@pytest.mark.parametrize(
    "words",
    [
        ("rules", "add"),
        ("rules", "add", "allow"),
        ("rules", "add", "maybe", "x"),
        ("rules", "remove"),
        ("rules", "drop", "1"),
        ("simulate",),
        ("simulate", "allow"),
        ("test",),
        ("explain", "a", "b"),
        ("why", "a", "b", "c"),
    ],
)
def test_what_makes_no_sense_says_so(codewhale: Codewhale, words: tuple[str, ...]) -> None:
    found = codewhale("policy", *words)
    assert found.code == 2
    assert found.err.startswith("error: ")


def test_expectations_are_met_or_named(codewhale: Codewhale, tmp_path: Path) -> None:
    file = tmp_path / "expectations.toml"
    file.write_text(EXPECTATIONS)
    before = codewhale("policy", "test", str(file))
    assert before.code == 1
    assert "FAIL 1: git -C x push\n" in before.out
    assert before.out.endswith("2 of 3 expectations are met\n")
    codewhale("policy", "rules", "add", "deny", "git", "push", "--yes")
    assert codewhale("policy", "test", str(file)).out == "3 of 3 expectations are met\n"
    file.write_text("[[expect]]\nverdict = 'deny'\ncomand = 'x'\n")
    assert codewhale("policy", "test", str(file)).code == 1


def test_a_rule_is_tried_on_a_past_that_is_empty(codewhale: Codewhale, tmp_path: Path) -> None:
    assert codewhale("policy", "why").code == 1
    assert "of 0 decisions" in codewhale("policy", "simulate", "allow", "npm", "test").out
    file = tmp_path / "rules.toml"
    file.write_text("[[rules]]\naction='deny'\ntool='x'\n[[rules]]\naction='ask'\npath='src/**'\n")
    assert codewhale("policy", "simulate", "--file", str(file)).out.count("rule: ") == 2
    assert codewhale("policy", "simulate", "allow", "npm", "--json").out.startswith('{"rule":{"action":"allow"')


@pytest.mark.parametrize("setting", ['mode = "yolo"', 'approval_policy = "auto"'])
def test_a_headless_run_does_not_start_where_programs_would_run_bare_by_settings_alone(
    home: Path, setting: str
) -> None:
    home.mkdir()
    (home / "config.toml").write_text(setting)
    with pytest.raises(UsageError, match="no sandbox works"):
        refuse_bare(load(), lambda: "none")
    refuse_bare(load(), lambda: "bubblewrap")
    (home / "config.toml").write_text("")
    refuse_bare(load(), lambda: "none")
