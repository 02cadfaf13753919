"""`doctor --json` has the published shape whatever is there; neither form shows a secret."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale import __version__

Codewhale = Callable[..., Any]
Json = dict[str, Any]


def shape(value: object) -> object:
    """Keys all the way down; what a key holds is left out."""
    return {k: shape(v) for k, v in value.items()} if isinstance(value, dict) else None  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def keys(*names: str) -> dict[str, None]:
    return dict.fromkeys(names)


COUNTED = keys("path", "present", "count")
SHAPE = {
    **keys("version", "config_path", "config_present", "workspace", "base_url", "default_text_model"),
    **keys("secret_backend"),
    "api_key": keys("source"),
    "strict_tool_mode": keys("enabled", "status", "function_strict_sent", "message", "recommended_base_url"),
    "memory": keys("enabled", "path", "file_present"),
    "mcp": keys("config_path", "present", "servers"),
    "skills": {
        **keys("selected"),
        **dict.fromkeys(("global", "agents", "agents_global", "local", "opencode", "claude"), COUNTED),
    },
    "tools": COUNTED,
    "plugins": COUNTED,
    "storage": {"spillover": COUNTED, "stash": COUNTED},
    "sandbox": keys("available", "kind", "full", "binary", "held_against", "missing"),
    "platform": keys("os", "arch"),
    "trust": keys("untrusted"),
    "web": keys("network_default", "search_provider", "search_ready"),
    "api_connectivity": keys("checked", "note"),
    "capability": keys(
        "resolved_provider",
        "resolved_model",
        "context_window",
        "max_output",
        "thinking_supported",
        "cache_telemetry_supported",
        "request_payload_mode",
        "alias_deprecation",
    ),
}


def doctor(codewhale: Codewhale) -> Json:
    ran = codewhale("doctor", "--json")
    assert (ran.code, ran.err) == (0, "")
    return msgspec.json.decode(ran.out)


def test_the_shape_is_the_published_one(codewhale: Codewhale) -> None:
    found = doctor(codewhale)
    assert shape(found) == SHAPE
    assert (found["version"], found["api_key"]) == (__version__, {"source": "missing"})
    assert found["capability"]["resolved_model"] == found["default_text_model"] == "deepseek-v4-pro"


def test_the_sandbox_is_proved_not_assumed(codewhale: Codewhale) -> None:
    found = doctor(codewhale)["sandbox"]
    assert found["available"] == (found["kind"] in ("bubblewrap", "landlock", "seatbelt"))
    assert ("write_home" in found["held_against"]) == found["available"]
    assert bool(found["missing"]) == (found["kind"] not in ("bubblewrap", "seatbelt"))


def test_nothing_is_created_and_nothing_is_asked_of_the_network(codewhale: Codewhale, home: Path) -> None:
    doctor(codewhale)
    codewhale("doctor")
    assert not home.exists()


@pytest.mark.requirement("BUG-68")
def test_no_secret_in_either_form(codewhale: Codewhale, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "mcp.json").write_text('{"servers": {"s": {"command": "x", "env": {"TOKEN": "hush-3"}}}}')
    monkeypatch.setenv("DEEPSEEK_API_KEY", "hush-1")
    monkeypatch.setenv("DEEPSEEK_RUNTIME_TOKEN", "hush-4")
    monkeypatch.setenv("DEEPSEEK_BASE_URL", "https://user:hush-2@llm.example/hush-5?key=hush-6")
    found = doctor(codewhale)
    assert (found["api_key"], found["base_url"]) == ({"source": "env"}, "https://llm.example")
    assert "hush" not in codewhale("doctor", "--json").out + codewhale("doctor").out


def test_folders_are_counted(codewhale: Codewhale, home: Path) -> None:
    (home / "skills" / "one").mkdir(parents=True)
    (home / "skills" / "one" / "SKILL.md").write_text("")
    (home / "skills" / "not-a-skill").mkdir()
    (home / "tools").mkdir()
    (home / "tools" / "t.sh").write_text("")
    (home / "composer_stash.jsonl").write_text("{}\n\n{}\n")
    found = doctor(codewhale)
    assert found["skills"]["global"] == {"path": str(home / "skills"), "present": True, "count": 1}
    assert found["skills"]["selected"] == str(home / "skills")
    assert (found["tools"]["count"], found["storage"]["stash"]["count"]) == (1, 2)


@pytest.mark.parametrize(
    ("content", "servers"),
    [
        ('{"servers": {"a": {"command": "x"}}}', [("a", True, "warning")]),
        (
            '{"mcpServers": {"b": {"disabled": true}, "a": {"url": "u"}}}',
            [("a", True, "warning"), ("b", False, "error")],
        ),
        ("{}", []),
    ],
)
def test_mcp_servers_are_listed(
    codewhale: Codewhale, home: Path, content: str, servers: list[tuple[str, bool, str]]
) -> None:
    home.mkdir()
    (home / "mcp.json").write_text(content)
    found = doctor(codewhale)["mcp"]
    assert [(s["name"], s["enabled"], s["status"]) for s in found["servers"]] == servers
    assert "error" not in found


@pytest.mark.requirement("BUG-68")
@pytest.mark.parametrize("content", ["not json hush", '{"servers": ["hush"]}', "[]"])
def test_an_mcp_file_that_cannot_be_read_says_so_without_its_content(
    codewhale: Codewhale, home: Path, content: str
) -> None:
    home.mkdir()
    (home / "mcp.json").write_text(content)
    found = doctor(codewhale)["mcp"]
    assert (found["present"], found["servers"]) == (True, [])
    assert "hush" not in found["error"]


def test_people_are_told_what_is_wrong_with_settings_and_key(codewhale: Codewhale, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("max_step = 3\n")
    ran = codewhale("doctor")
    assert ran.code == 0
    assert "max_step: not a setting of this version; ignored; did you mean max_steps?" in ran.out
    assert "BAD   key" in ran.out
    assert "DEEPSEEK_API_KEY" in ran.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_bad(codewhale: Codewhale, home: Path) -> None:
    home.mkdir(mode=0o500)
    assert f"{home} is not writable by you" in codewhale("doctor").out


def test_the_way_to_the_web_is_told(codewhale: Codewhale, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        '[network]\nallow = ["a.example"]\n[search]\nprovider = "brave"\napi_key = "sec-ret"\n'
    )
    ran = codewhale("doctor")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "ok network 1 allowed, 0 denied; other public hosts are asked about, internal ones never" in lines
    assert "ok search the web is searched by brave" in lines
    assert "sec-ret" not in ran.out
    assert doctor(codewhale)["web"] == {"network_default": "prompt", "search_provider": "brave", "search_ready": True}


def test_a_sink_that_cannot_sign_is_told(codewhale: Codewhale, home: Path) -> None:
    home.mkdir()
    sink = '[[hooks.sinks]]\ntype = "webhook"\nurl = "https://example.org/x"\nsecret_env = "A_KEY_THAT_IS_NOT_SET"\n'
    (home / "config.toml").write_text(sink)
    told = codewhale("doctor").out
    assert "webhook https://example.org/x: A_KEY_THAT_IS_NOT_SET is not set" in told
