"""Trust is in a content: whatever changes in an executable surface, it is untrusted again."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from codewhale.domain.errors import CodewhaleError
from codewhale.testing.clocks import ManualClock
from codewhale.workspace.trust.book import Trust
from codewhale.workspace.trust.surfaces import own_surfaces, surfaces

TRIALS = 20
MCP = '{"mcpServers": {"a": {"command": "server", "args": ["--port", "%d"]}}}'


class Site:
    """A workspace with one surface of each kind, and a person's directory."""

    def __init__(self, top: Path) -> None:
        self.workspace = top / "work"
        self.bin = top / "bin"
        self.file = top / "home" / "trust.json"
        self.bin.mkdir(parents=True)
        self.program("server", "#!/bin/sh\necho one\n")
        self.write(".mcp.json", MCP % 1)
        self.write(".deepseek/hooks.toml", '[[hooks.hooks]]\nevent = "session_start"\ncommand = "sh tools/hook.sh x"\n')
        self.write("tools/hook.sh", "echo hook\n")
        self.write("skills/build/SKILL.md", "---\nname: build\n---\nRun it.\n")
        self.write("skills/build/scripts/run.py", "print('hello')\n")
        self.write(".codewhale/commands/ship.md", "Ship it.\n")
        self.trust = Trust(str(self.file), ManualClock(), {"PATH": str(self.bin)})

    def write(self, name: str, text: str) -> None:
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def grant_all(self) -> None:
        self.trust.grant(str(self.workspace), [one for one, _ in self.trust.standing(str(self.workspace))])

    def untrusted(self) -> list[str]:
        return [one.path for one in self.trust.untrusted(str(self.workspace))]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def one_byte(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    content[at] ^= 1 << chance.randrange(7)
    path.write_bytes(bytes(content))


def relink(path: Path, chance: random.Random) -> None:
    twin = path.with_name(f"twin{chance.randrange(1 << 30)}")
    twin.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(twin)


Change = Callable[[Site, random.Random], None]
CHANGES: dict[str, tuple[str, Change]] = {
    "a byte of a hook": (".deepseek/hooks.toml", lambda s, c: one_byte(s.workspace / ".deepseek/hooks.toml", c)),
    "a byte of the script that a hook runs": (
        ".deepseek/hooks.toml",
        lambda s, c: one_byte(s.workspace / "tools/hook.sh", c),
    ),
    "an argument of an MCP server": (".mcp.json", lambda s, c: s.write(".mcp.json", MCP % c.randrange(10**9))),
    "the program behind an MCP server": (
        ".mcp.json",
        lambda s, c: s.program("server", f"#!/bin/sh\necho {c.randrange(10**9)}\n"),
    ),
    "a new file in a skill": (
        "skills/build",
        lambda s, c: s.write(f"skills/build/scripts/more{c.randrange(10**9)}.sh", "echo more\n"),
    ),
    "a byte of a skill's script": (
        "skills/build",
        lambda s, c: one_byte(s.workspace / "skills/build/scripts/run.py", c),
    ),
    "a file swapped for a link": (
        ".deepseek/hooks.toml",
        lambda s, c: relink(s.workspace / ".deepseek/hooks.toml", c),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_asks_again(site: Site, what: str) -> None:
    path, change = CHANGES[what]
    chance = random.Random(what)
    for _ in range(TRIALS):
        site.grant_all()
        assert site.untrusted() == []
        change(site, chance)
        assert site.untrusted() == [path]


def test_nothing_is_trusted_at_first_and_each_one_by_itself(site: Site) -> None:
    every = [".codewhale/commands", ".deepseek/hooks.toml", ".mcp.json", "skills/build"]
    assert site.untrusted() == every
    found = [one for one, _ in site.trust.standing(str(site.workspace)) if one.surface.path == ".mcp.json"]
    site.trust.grant(str(site.workspace), found)
    assert site.untrusted() == [path for path in every if path != ".mcp.json"]
    assert site.trust.revoke(str(site.workspace), [".mcp.json", "skills/build"]) == 1
    assert site.untrusted() == every


def test_a_copy_of_a_workspace_or_another_in_its_place_is_not_trusted(site: Site, tmp_path: Path) -> None:
    site.grant_all()
    os.rename(site.workspace, tmp_path / "aside")
    shutil.copytree(tmp_path / "aside", site.workspace)
    assert len(site.untrusted()) == 4
    shutil.rmtree(site.workspace)
    os.rename(tmp_path / "aside", site.workspace)
    assert site.untrusted() == []


def test_what_cannot_be_read_whole_cannot_be_trusted(site: Site) -> None:
    hooks = site.workspace / ".deepseek/hooks.toml"
    hooks.unlink()
    os.mkfifo(hooks)
    one = next(one for one, _ in site.trust.standing(str(site.workspace)) if one.surface.kind == "hooks")
    assert (one.digest, one.problem) == (None, "it is no file")
    with pytest.raises(CodewhaleError, match=r"hooks\.toml cannot be trusted"):
        site.trust.grant(str(site.workspace), [one])


def test_what_would_run_is_told(site: Site) -> None:
    told = {
        one.surface.path: [(p.command, p.file, sorted(p.digests)) for p in one.runs]
        for one, _ in site.trust.standing(str(site.workspace))
        if one.runs
    }
    assert told[".mcp.json"] == [("server --port 1", str(site.bin / "server"), [str(site.bin / "server")])]
    assert told[".deepseek/hooks.toml"][0][0] == "sh tools/hook.sh x"
    assert str(site.workspace / "tools/hook.sh") in told[".deepseek/hooks.toml"][0][2]


def test_the_file_is_the_persons_alone_and_a_broken_one_trusts_nothing(site: Site) -> None:
    site.grant_all()
    assert site.file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in site.file.parent.iterdir()] == ["trust.json"]
    site.file.write_text('{"version": 1, "folders": [')
    with pytest.raises(CodewhaleError, match="cannot be used"):
        site.untrusted()


def test_looking_opens_nothing(site: Site) -> None:
    for path in site.workspace.rglob("*"):
        if path.is_file():
            path.chmod(0)
    names = [(one.path, one.kind) for one in surfaces(str(site.workspace))]
    assert names == [
        (".codewhale/commands", "commands"),
        (".deepseek/hooks.toml", "hooks"),
        (".mcp.json", "mcp"),
        ("skills/build", "skill"),
    ]


def test_a_skill_of_texts_alone_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "skills/prose").mkdir(parents=True)
    (tmp_path / "skills/prose/SKILL.md").write_text("# Prose\n")
    assert own_surfaces(str(tmp_path)) == ()


def test_only_the_very_bytes_that_are_trusted_are_vouched_for(site: Site) -> None:
    path = ".deepseek/hooks.toml"
    content = (site.workspace / path).read_bytes()
    work = str(site.workspace)
    assert not site.trust.vouches(work, path, content)
    site.grant_all()
    assert site.trust.vouches(work, path, content)
    assert not site.trust.vouches(work, path, content + b"\n")
    assert not site.trust.vouches(work, "Makefile", content)
    site.program("sh", "#!/bin/sh\n")
    assert not site.trust.vouches(work, path, content)
    site.file.write_text("{")
    assert not site.trust.vouches(work, path, content)
