"""The same command in other places: links, folders that are entered, homes and roots as workspaces."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.verdict import Place


def verdicts(place: Place, *commands: str) -> list[str]:
    return [judge(command, place).verdict for command in commands]


def test_a_link_is_where_it_leads(place: Place) -> None:
    assert verdicts(place, "cat link/passwd", "cd link && ls", "ls link", "cat src/../a.txt") == [
        "ask",
        "ask",
        "ask",
        "safe",
    ]


def test_relative_paths_follow_cd(place: Place) -> None:
    found = verdicts(
        place,
        "cd src && cat ../a.txt",
        "cd src && cat ../../x",
        "cd src; cat ../a.txt",
        "cd src | cat ../a.txt",
        "cd .. && ls",
    )
    assert found == ["safe", "ask", "ask", "ask", "ask"]


def test_the_folder_of_the_call_counts(place: Place) -> None:
    inside = replace(place, cwd=os.path.join(place.workspace, "src"))
    outside = replace(place, cwd="/")
    assert verdicts(inside, "cat ../a.txt", "cat ../../x") == ["safe", "ask"]
    assert verdicts(outside, "ls", "echo x > .git/config") == ["ask", "forbid"]


def test_a_home_as_workspace_is_not_open_to_the_last_corner(tmp_path: Path) -> None:
    home = str(tmp_path)
    at_home = Place(workspace=home, cwd=home, home=home)
    assert verdicts(at_home, "ls", "cat a.txt", "cat .cache/x", f"cat {home}/a.txt") == ["safe", "safe", "ask", "ask"]


def test_the_root_as_workspace_is_not_the_system() -> None:
    at_root = Place(workspace="/", cwd="/", home="/home/someone")
    assert verdicts(at_root, "ls", "cat a.txt", "cat etc/passwd", "cat /etc/passwd") == ["safe", "safe", "ask", "ask"]


@pytest.mark.parametrize(
    "name", [".env", "src/.env.local", "id_rsa", "deploy.pem", ".npmrc", "credentials", ".git/config"]
)
def test_files_of_secrets_are_asked_about(name: str, place: Place) -> None:
    assert judge(f"cat {name}", place).rule == "ask.secret_file"


def test_examples_of_secrets_are_none(place: Place) -> None:
    assert verdicts(place, "cat .env.example", "cat id_rsa.pub") == ["safe", "safe"]


def test_git_is_safe_under_a_condition(place: Place) -> None:
    assert judge("git status && ls", place).condition == "hardened_git"
    assert judge("ls", place).condition is None


def test_a_safe_chain_shows_its_parts(place: Place) -> None:
    found = judge("ls -l | wc -l", place)
    assert [(s.text, s.verdict, s.rule) for s in found.segments] == [
        ("ls -l", "safe", "safe.files"),
        ("wc -l", "safe", "safe.text"),
    ]
