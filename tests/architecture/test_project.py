"""The project's promises about itself: README commands, lock files, package contents, generated documents."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README_COMMAND = re.compile(r"^ {4}(?:\$ )?(\./run [^\n#]+|codewhale [^\n#]+)", re.MULTILINE)


def script(root: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"scripts/{name}.py", "--check"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["lock", "reference", "walkthrough"])
def test_what_is_generated_is_up_to_date(root: Path, name: str) -> None:
    done = script(root, name)
    assert done.returncode == 0, "\n".join((done.stdout + done.stderr).splitlines()[-3:])


def test_the_readme_names_commands_that_exist(root: Path) -> None:
    from codewhale.surfaces.cli.commands import COMMANDS  # noqa: PLC0415 (the other tests hold without it)

    commands = README_COMMAND.findall((root / "README.md").read_text("utf-8"))
    runs = {c.split()[1] for c in commands if c.startswith("./run")}
    subcommands = {c.split()[1] for c in commands if c.startswith("codewhale")}
    shell = (root / "run").read_text("utf-8")
    assert runs >= {"demo", "test"}
    assert [name for name in runs if not re.search(rf"^    {re.escape(name)}\)", shell, re.MULTILINE)] == []
    assert subcommands - set(COMMANDS) - {"--version", "-p"} == set()


def test_the_usage_of_run_lists_its_commands(root: Path) -> None:
    shell = (root / "run").read_text("utf-8")
    cases = set(re.findall(r"^    ([a-z]+)\) ", shell, re.MULTILINE)) - {"lint", "format", "types", "layers", "dead"}
    cases -= {"sizes", "reference", "lock"}
    usage = set(re.findall(r"^  ([a-z]+) ", shell.split("TEXT")[1], re.MULTILINE))
    assert cases <= usage


def test_links_in_the_documents_lead_somewhere(root: Path) -> None:
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_no_host_of_a_registry_stands_in_the_requirements(root: Path) -> None:
    for path in (root / "requirements").iterdir():
        assert "://" not in path.read_text("utf-8")
        assert "index-url" not in path.read_text("utf-8")
