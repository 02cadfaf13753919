"""The audit log: what is in it, how large it becomes, and that nothing ever waits for it."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from typing import Any

import msgspec
import pytest

from codewhale.policy.redaction.redactor import Redactor
from codewhale.testing.clocks import ManualClock
from codewhale.testing.homes import home
from codewhale.workspace.audit import MAX_LINE, MOST_WAITING, AuditFile

CALLS = """
[[reply]]
calls = [
  { tool = "read_file", arguments = { path = "a.txt" } },
  { tool = "write_file", arguments = { path = "a.txt", content = "x" } },
  { tool = "exec_shell", arguments = { command = "rm -rf / --no-preserve-root" } },
]
[[reply]]
text = "Done."
"""


def lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_text().splitlines()]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def opened(path: Path, redact: Callable[[bytes], bytes] = lambda line: line, **more: int) -> AuditFile:
    return AuditFile(
        str(path), ManualClock(), redact, max_bytes=more.get("max_bytes", 10_000), keep=more.get("keep", 2)
    )


async def test_every_decision_leaves_a_line(tmp_path: Path) -> None:
    tools = tmp_path / "tools.log"
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a.txt").write_text("text")
    async with home(tmp_path, CALLS, environ={"DEEPSEEK_TOOL_AUDIT_LOG": str(tools)}) as place:
        await place.say("go", answer="allow")
    audit = Path(place.settings.audit_log)
    assert audit == tmp_path / "home" / "audit.log"
    assert mode(audit) == 0o600
    said = [(line["event"], line["details"].get("tool"), line["details"].get("decision")) for line in lines(audit)]
    assert said == [
        ("tool.approval.prompted", "write_file", None),
        ("tool.approval.decided", None, "allow"),
        ("tool.approval.auto_deny", "exec_shell", None),
    ]
    assert all(line["details"]["rule"] for line in lines(audit) if line["event"] != "tool.approval.decided")
    assert [line["event"] for line in lines(tools)] == [
        "tool.result",
        "tool.approval_required",
        "tool.approval_decision",
        "tool.result",
        "tool.result",
    ]


async def test_it_can_be_elsewhere_or_nowhere(tmp_path: Path) -> None:
    async with home(tmp_path, CALLS, config='[audit]\npath = "logs/own.log"\n') as place:
        await place.say("go")
    assert lines(tmp_path / "home" / "logs" / "own.log")
    async with home(tmp_path, CALLS, config="[audit]\nenabled = false\n") as place:
        await place.say("go")
    assert not (tmp_path / "home" / "audit.log").exists()


def test_it_is_bounded_in_size_and_number(tmp_path: Path) -> None:
    audit = opened(tmp_path / "audit.log", max_bytes=4096, keep=2)
    for number in range(500):
        audit.record("tool.result", {"n": number, "text": "x" * 100})
        if number % 20 == 19:
            audit.close()
    audit.close()
    found = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(found) == ["audit.log", "audit.log.1", "audit.log.2"]
    assert max(found.values()) <= 4096
    assert lines(tmp_path / "audit.log")[-1]["details"]["n"] == 499


def test_a_line_has_no_secret_and_an_end(tmp_path: Path) -> None:
    audit = opened(tmp_path / "audit.log", Redactor(["hunter2-hunter2"]))
    audit.record("a", {"command": "login hunter2-hunter2", "token": "ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"})
    audit.record("b", {"text": "x" * MAX_LINE})
    audit.record("c", {"not": object()})
    audit.network("evil.example\nfake line", "fetch_url", "deny")
    audit.close()
    assert (tmp_path / "audit.log").read_text().splitlines()[3].endswith(" network evil.examplefakeline fetch_url deny")
    (tmp_path / "audit.log").write_text("\n".join((tmp_path / "audit.log").read_text().splitlines()[:3]))
    first, second, third = lines(tmp_path / "audit.log")
    assert first["details"] == {"command": "login [redacted:known-secret]", "token": "[redacted:github-token]"}
    assert second["details"]["left_out_bytes"] > MAX_LINE
    assert third["details"] == {}


def test_what_could_not_be_written_is_told_later(tmp_path: Path) -> None:
    (tmp_path / "audit.log").mkdir()
    audit = opened(tmp_path / "audit.log")
    audit.record("lost", {})
    audit.close()
    (tmp_path / "audit.log").rmdir()
    audit.record("kept", {})
    audit.close()
    assert [(line["event"], line["details"]) for line in lines(tmp_path / "audit.log")] == [
        ("audit.lost", {"lines": 1}),
        ("kept", {}),
    ]


def test_nobody_waits_for_it(tmp_path: Path) -> None:
    stuck = Flag()

    def slow(line: bytes) -> bytes:
        assert stuck.wait(5)
        return line

    audit = opened(tmp_path / "audit.log", slow, max_bytes=10_000_000)
    for number in range(MOST_WAITING * 3):
        audit.record("a", {"n": number})
    stuck.set()
    audit.close()
    audit.record("last", {})
    audit.close()
    found = lines(tmp_path / "audit.log")
    lost = sum(line["details"]["lines"] for line in found if line["event"] == "audit.lost")
    assert lost + sum(1 for line in found if line["event"] == "a") == MOST_WAITING * 3
    assert lost >= MOST_WAITING


@pytest.mark.parametrize("trap", ["link", "pipe"])
def test_it_is_not_led_astray(tmp_path: Path, trap: str) -> None:
    target = tmp_path / "elsewhere"
    path = tmp_path / "audit.log"
    if trap == "link":
        path.symlink_to(target)
    else:
        os.mkfifo(path)
    audit = opened(path)
    audit.record("a", {})
    audit.close()
    assert not target.exists()
