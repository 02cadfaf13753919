"""Workspace status, skills, MCP configuration and providers over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from codewhale.domain.commands import NewThread
from codewhale.domain.introspection import SkillState
from codewhale.domain.usage import UsageQuery
from codewhale.runtime.owner import Owner
from codewhale.runtime.remote import connect
from codewhale.workspace.processes import Command, Processes

requirement = pytest.mark.requirement
TOKEN = "dst_" + "0123456789abcdef" * 4


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["message"]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def git(folder: Path, *words: str) -> None:
    done = await Processes({"PATH": "/usr/bin:/bin"}).run(Command(argv=("git", *words), cwd=str(folder), timeout=5))
    assert done.exit_code == 0, done.stderr.text


async def answered(product: Any, path: str) -> Any:
    answer = await product.call("GET", path)
    assert answer.status == 200, answer.body
    return answer.json()


@requirement("WORKSPACE-STATUS")
async def test_the_workspace_under_git(start: Any) -> None:
    async with start() as product:
        folder = product.workspace
        nothing = {"workspace": str(folder), "git_repo": False, "branch": None, "ahead": None, "behind": None}
        none = {"staged": 0, "unstaged": 0, "untracked": 0}
        assert await answered(product, "/v1/workspace/status") == {**nothing, **none}
        await git(folder, "init", "-b", "main")
        (folder / "new.txt").write_text("new\n")
        assert await answered(product, "/v1/workspace/status") == {
            **nothing,
            **none,
            "git_repo": True,
            "branch": "main",
            "untracked": 1,
        }


@requirement("SKILLS-LIST")
async def test_skills_are_listed_by_name_with_their_file_and_state(start: Any, tmp_path: Path) -> None:
    async with start() as product:
        folder = tmp_path / "home" / "skills"
        assert await answered(product, "/v1/skills") == {"directory": str(folder), "warnings": [], "skills": []}
        write(folder / "zeta" / "SKILL.md", "---\nname: zeta\ndescription: >\n  Does\n  much.\n---\nText\n")
        write(folder / "deep" / "er" / "SKILL.md", "---\nname: alpha\n---\n")
        write(folder / "nameless" / "SKILL.md", "no heading\n")
        found = await answered(product, "/v1/skills")
        assert found["skills"] == [
            {"name": "alpha", "description": "", "path": str(folder / "deep/er/SKILL.md"), "enabled": True},
            {"name": "zeta", "description": "Does much.", "path": str(folder / "zeta/SKILL.md"), "enabled": True},
        ]
        assert len(found["warnings"]) == 1
        write(product.workspace / "skills" / "own" / "SKILL.md", "# Own\n")
        write(product.workspace / ".claude/skills" / "other" / "SKILL.md", "# Own\n")
        assert (await answered(product, "/v1/skills"))["directory"] == str(product.workspace / "skills")
        write(product.workspace / ".agents/skills" / "mine" / "SKILL.md", "# Mine\n")
        found = await answered(product, "/v1/skills")
        assert (found["directory"], [s["name"] for s in found["skills"]]) == (
            str(product.workspace / ".agents/skills"),
            ["Mine", "Own", "alpha", "zeta"],
        )


@requirement("SKILLS-SWITCH")
async def test_a_skill_is_switched_off_and_on_for_good(start: Any, tmp_path: Path) -> None:
    async with start() as product:
        home = tmp_path / "home"
        write(home / "skills" / "one" / "SKILL.md", "---\nname: one\n---\n")
        state = write(home / "skills_state.toml", '# mine\nversion = 3\ndisabled = [\n  "gone",\n]\n[other]\nkey = 1\n')
        off = await product.call("POST", "/v1/skills/one", {"enabled": False})
        assert (off.status, off.json()) == (200, {"name": "one", "enabled": False})
        assert state.read_text() == '# mine\nversion = 3\ndisabled = ["gone", "one"]\n[other]\nkey = 1\n'
        assert [s["enabled"] for s in (await answered(product, "/v1/skills"))["skills"]] == [False]
        await product.call("POST", "/v1/skills/one", {"enabled": True})
        assert [s["enabled"] for s in (await answered(product, "/v1/skills"))["skills"]] == [True]
        unknown = await product.call("POST", "/v1/skills/two", {"enabled": True})
        assert refusal(unknown) == (404, f"skill 'two' not found under {home / 'skills'}")
        assert (await product.call("POST", "/v1/skills/one", {})).status == 422


CONFIG = """{
  "timeouts": {"connect": 10},
  "servers": {"my_own_server": {"command": "COMMAND", "args": ["--key", "s3cret"], "env": {"TOKEN": "s3cret"},
    "enabled_tools": ["a_b"], "required": true}},
  "mcpServers": {"web": {"url": "https://user:s3cret@mcp.example/rpc?key=s3cret", "headers": {"X": "s3cret"}, "disabled": true}}
}"""


@requirement("MCP-SERVERS")
@requirement("BUG-48")
@requirement("BUG-49")
async def test_servers_are_listed_by_their_exact_names_without_being_started(start: Any, tmp_path: Path) -> None:
    async with start() as product:
        assert await answered(product, "/v1/apps/mcp/servers") == {"servers": []}
        marker = tmp_path / "started"
        program = write(tmp_path / "server.sh", f"#!/bin/sh\ntouch {marker}\n")
        program.chmod(0o755)
        write(tmp_path / "home" / "mcp.json", CONFIG.replace("COMMAND", str(program)))
        answer = await product.call("GET", "/v1/apps/mcp/servers")
        assert answer.json() == {
            "servers": [
                {
                    "name": "my_own_server",
                    "enabled": True,
                    "required": True,
                    "command": str(program),
                    "url": None,
                    "connected": False,
                    "enabled_tools": ["a_b"],
                    "disabled_tools": [],
                },
                {
                    "name": "web",
                    "enabled": False,
                    "required": False,
                    "command": None,
                    "url": "https://mcp.example/rpc",
                    "connected": False,
                    "enabled_tools": [],
                    "disabled_tools": [],
                },
            ]
        }
        assert b"s3cret" not in answer.body
        assert await answered(product, "/v1/apps/mcp/tools?server=my_own_server") == {"tools": []}
        assert not marker.exists()


@requirement("MCP-ERRORS")
async def test_an_unusable_configuration_and_a_live_connection(start: Any, tmp_path: Path) -> None:
    async with start() as product:
        write(tmp_path / "home" / "mcp.json", '{"servers": ["s3cret"')
        for path in ("/v1/apps/mcp/servers", "/v1/apps/mcp/tools"):
            answer = await product.call("GET", path)
            assert answer.status == 500
            assert b"s3cret" not in answer.body
            assert (await product.call("GET", f"{path}?connect=true")).status == 501


@requirement("PROVIDERS")
async def test_providers_and_their_models(start: Any) -> None:
    async with start() as product:
        found = await answered(product, "/v1/providers")
        known = {entry["id"]: entry for entry in found["providers"]}
        assert found["current"] == "deepseek"
        assert list(known) == sorted(known)
        assert known["ollama"]["default_base_url"] == "http://localhost:11434/v1"
        assert known["deepseek"]["env_vars"] == ["DEEPSEEK_API_KEY"]
        models = await answered(product, "/v1/providers/deepseek/models?filter=x")
        assert models["provider"] == "deepseek"
        assert models["models"][0] == {"id": "deepseek-v4-pro"}
        unknown = await product.call("GET", "/v1/providers/nobody/models")
        assert refusal(unknown) == (400, "Unknown provider 'nobody'")


@requirement("PROVIDERS-SWITCH")
async def test_a_switch_is_for_new_threads_of_this_process(start: Any) -> None:
    async with start() as product:
        before = await product.thread()
        answer = await product.call("POST", "/v1/providers/ollama/switch", {"model": "qwen3"})
        assert answer.status == 200
        switched = answer.json()
        assert (switched["provider"], switched["model"], switched["persisted"]) == ("ollama", "qwen3", False)
        assert (await answered(product, "/v1/providers"))["current"] == "ollama"
        new = (await product.detail(await product.thread()))["thread"]
        assert (new["model"], new["model_provider"]) == ("qwen3", "ollama")
        assert (await product.detail(before))["thread"]["model"] == "scripted"
        assert refusal(await product.call("POST", "/v1/providers/nobody/switch", {})) == (
            400,
            "Unknown provider 'nobody'",
        )


@requirement("ANOTHER-PROCESS")
async def test_another_process_sees_the_same(start: Any, transport: str, tmp_path: Path) -> None:
    write(tmp_path / "home" / "skills" / "one" / "SKILL.md", "---\nname: one\n---\n")
    write(tmp_path / "home" / "mcp.json", '{"servers": {"a_b": {"command": "true"}}}')
    async with start() as product:
        if transport == "in process":
            return
        owner = Owner(pid=1, started_at="", what="serve", url=f"http://{product.caller.host}", token=TOKEN)
        async with connect(owner) as client:
            there, here = client.introspection, product.runtime.introspection
            query = UsageQuery(group_by="model", since="2026-01-01T00:00:00.000Z")
            assert await there.usage(query) == await here.usage(query)
            assert await there.workspace_status() == await here.workspace_status()
            assert await there.enable_skill("one", enabled=False) == SkillState(name="one", enabled=False)
            assert await there.skills() == await here.skills()
            assert [server.name for server in await there.mcp_servers()] == ["a_b"]
            assert (await there.switch_provider("ollama", "qwen3")).model == "qwen3"
            assert await there.providers() == await product.runtime.introspection.providers()
            assert await there.provider_models("openai") == await here.provider_models("openai")
            thread = await client.create_thread(NewThread(model="m"))
            assert await there.context(thread.id) == await here.context(thread.id)
            assert (await client.compact(thread.id, "why")).turn.input_summary == "why"
            assert refusal(await product.call("GET", "/v1/threads/thr_none/context")) == (
                404,
                "Thread not found: thr_none",
            )


@requirement("SKILLS-SWITCH")
@pytest.mark.parametrize("name", ["%ED%A0%80", "%00", "..%2F..%2Fetc", "x" * 3000])
async def test_odd_names_are_not_found(start: Any, name: str) -> None:
    async with start() as product:
        assert (await product.call("POST", f"/v1/skills/{name}", {"enabled": True})).status == 404
        assert (await product.call("GET", f"/v1/providers/{name}/models")).status in {400, 404}
