"""Opening a hostile repository runs nothing of it: one-shot and served, asked and not, with every command that looks at it."""

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from codewhale.testing.hostile import plant

if TYPE_CHECKING:
    from conftest import ModelOf, Site

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: there can be no repository")

SCRIPT = """
[[reply]]
text = "Looking."
calls = [
  { tool = "list_dir", arguments = { path = "." } },
  { tool = "read_file", arguments = { path = "main.py" } },
  { tool = "grep_files", arguments = { pattern = "print" } },
  { tool = "file_search", arguments = { query = "main" }, force = true },
]
[[reply]]
calls = [
  { tool = "git_status", arguments = {}, force = true },
  { tool = "git_diff", arguments = {}, force = true },
  { tool = "git_log", arguments = {}, force = true },
  { tool = "git_blame", arguments = { path = "main.py" }, force = true },
  { tool = "git_show", arguments = { rev = "HEAD" }, force = true },
  { tool = "project_map", arguments = {}, force = true },
  { tool = "diagnostics", arguments = { path = "main.py" }, force = true },
]
[[reply]]
calls = [
  { tool = "write_file", arguments = { path = "note.py", content = "x: int = 'a'\\n" } },
  { tool = "edit_file", arguments = { path = "main.py", search = "changed", replace = "again" } },
]
[[reply]]
text = "Done."
"""


def canaries(site: "Site") -> Path:
    return site.home.parent / "canaries"


@pytest.fixture
def hostile(site: "Site") -> "Site":
    (site.work / "main.py").write_text("print('hello')\n")
    person = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *person, *words], cwd=site.work, check=True, capture_output=True)
    (site.work / "main.py").write_text("print('changed')\n")
    planted = plant(site.work, canaries(site))
    assert len(planted) > 40
    return site


def touched(site: "Site") -> list[str]:
    return sorted(path.name for path in canaries(site).iterdir())


def test_the_zoo_is_alive(hostile: "Site") -> None:
    """The traps work: ordinary use of other programs springs them."""
    for command in (["git", "diff"], ["sh", "-c", "make; python3 -c 1"], ["./bash"]):
        environ = {"PATH": hostile.env["PATH"], "HOME": "/nonexistent", "PYTHONPATH": "."}
        subprocess.run(command, cwd=hostile.work, env=environ, capture_output=True, check=False)
    assert {"git-include", "make", "sitecustomize.py", "path-bash"} <= set(touched(hostile))


def test_one_shot(hostile: "Site", model_of: "ModelOf") -> None:
    hostile.answered_by(model_of(SCRIPT))
    done = hostile.run("exec", "--auto", "--json", "look around")
    said = msgspec.json.decode(done.out)
    assert touched(hostile) == []
    assert done.code == 0, done.err
    untrusted = [".deepseek/hooks.toml", ".mcp.json", "skills/evil"]
    assert set(untrusted) <= set(said["untrusted"])
    assert all(name in done.err for name in untrusted)
    for words in (["threads", "list"], ["doctor"], ["doctor", "--json"], ["trust"], ["trust", "show"], ["usage"]):
        assert hostile.run(*words).code == 0, words
    assert hostile.run("export", str(hostile.home.parent / "out")).code == 0
    assert hostile.run("import", str(hostile.work)).code in (0, 1)
    assert hostile.run("trust", "grant").code == 1
    assert touched(hostile) == []


async def test_served(hostile: "Site", model_of: "ModelOf") -> None:
    hostile.answered_by(model_of(SCRIPT))
    server = hostile.serve()
    thread = await server.thread(auto_approve=True, allow_shell=True, trust_mode=True)
    await server.turn(thread, "look around")
    await server.until(thread, lambda frame: frame.event == "turn.completed")
    for path in ("/v1/workspace/status", "/v1/skills", "/v1/apps/mcp/servers", "/v1/threads", "/v1/runtime/info"):
        assert (await server.call("GET", path)).status == 200, path
    assert touched(hostile) == []
    server.terminate()
    assert touched(hostile) == []


def test_no_environment_file_or_module_of_the_repository_is_loaded(hostile: "Site", model_of: "ModelOf") -> None:
    hostile.answered_by(model_of('[default]\ntext = "Hello."\n'))
    done = hostile.run("exec", "hello")
    assert (done.code, done.out.strip()) == (0, "Hello.")
    assert not Path("/tmp/evil").exists()
    assert touched(hostile) == []


def test_after_trust_only_what_was_trusted(hostile: "Site", model_of: "ModelOf") -> None:
    hostile.answered_by(model_of(SCRIPT))
    shown = hostile.run("trust", "show", "--json")
    digests = {one["path"]: one["digest"] for one in msgspec.json.decode(shown.out) if one["ours"]}
    assert hostile.run("trust", "grant", "--yes", digests[".deepseek/hooks.toml"]).code == 0
    done = hostile.run("exec", "--auto", "--json", "look around")
    assert ".deepseek/hooks.toml" not in msgspec.json.decode(done.out)["untrusted"]
    assert touched(hostile) != []
    assert [name for name in touched(hostile) if not name.startswith("deepseek-hook-")] == []
