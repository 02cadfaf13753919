"""What a person refused, and what would be refused whoever allowed it, is not asked about; what may be allowed is then done."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from codewhale.domain import events as e
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.decisions import CallDecided, Target
from codewhale.domain.requests import ApprovalDecision
from codewhale.policy.decide import PlannedCall, Posture, decide
from codewhale.policy.planned import ShellText
from codewhale.runtime.standing import Standing
from codewhale.testing.scene import Extras, Scene, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/someone"}
STANDING = Standing(unconfined=True)


def calls(*given: str) -> str:
    """A script in which the model makes these calls, one a step."""
    steps = "".join(f"[[reply]]\ncalls = [{{{call}}}]\n" for call in given)
    return steps + '[[reply]]\ntext = "Done."\n'


def write(at: int, path: str, content: str = "x") -> str:
    arguments = f"{{path = '{path}', content = '{content}'}}"
    return f"id = 'call_{at}', tool = 'write_file', arguments = {arguments}"


async def answer(found: Scene, thread_id: str, approval_id: str, decision: ApprovalDecision) -> None:
    """Answer this approval when it is asked for."""
    async with asyncio.timeout(10), aclosing(found.runtime.events(thread_id)) as batches:
        async for batch in batches:
            payloads = [event.decode() for event in batch]
            if any(isinstance(p, e.ApprovalRequired) and p.id == approval_id for p in payloads):
                await found.runtime.decide(approval_id, decision)
                return


async def played(found: Scene, answers: dict[str, ApprovalDecision], new: NewThread | None = None) -> list[e.Payload]:
    """One turn, whose approvals are answered so; any other one fails."""
    thread = await found.thread(new)
    started = await found.runtime.start_turn(thread.id, TurnInput(prompt="go"))
    for approval_id, decision in answers.items():
        await answer(found, thread.id, approval_id, decision)
    return [event.decode() for event in await found.turn(thread.id, started.turn.id)]


def decided(payloads: list[e.Payload]) -> list[tuple[str, str, str]]:
    return [(p.call_id, p.verdict, p.rule) for p in payloads if isinstance(p, CallDecided)]


async def test_the_same_call_is_not_asked_about_twice(tmp_path: Path) -> None:
    script = calls(write(1, "AGENTS.md"), write(2, "AGENTS.md"), write(3, "AGENTS.md", "y"))
    async with scene(str(tmp_path), script, environ=ENVIRON, extras=Extras(standing=STANDING)) as found:
        payloads = await played(found, {"call_1": "deny", "call_3": "allow"})
    assert decided(payloads) == [
        ("call_1", "ask", "protected_path"),
        ("call_2", "deny", "remembered_deny"),
        ("call_3", "ask", "protected_path"),
    ]
    assert (tmp_path / "AGENTS.md").read_text() == "y"


async def test_a_new_turn_asks_again(tmp_path: Path) -> None:
    script = calls(write(1, "AGENTS.md")) + calls(write(2, "AGENTS.md"))
    async with scene(str(tmp_path), script, environ=ENVIRON, extras=Extras(standing=STANDING)) as found:
        thread = await found.thread()
        first = await found.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        await answer(found, thread.id, "call_1", "deny")
        await found.turn(thread.id, first.turn.id)
        second = await found.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        await answer(found, thread.id, "call_2", "allow")
        await found.turn(thread.id, second.turn.id)
    assert (tmp_path / "AGENTS.md").read_text() == "x"


@pytest.mark.parametrize(
    "path", [".git/hooks/pre-commit", ".claude/settings.json", "sub/.VSCODE/tasks.json", ".mcp.json"]
)
async def test_what_is_never_written_is_denied_with_its_reason(tmp_path: Path, path: str) -> None:
    async with scene(str(tmp_path), calls(write(1, path)), environ=ENVIRON, extras=Extras(standing=STANDING)) as found:
        payloads = await played(found, {})
    assert decided(payloads) == [("call_1", "deny", "protected_path")]
    (failed,) = [p.item.detail for p in payloads if isinstance(p, e.ItemFailed)]
    assert failed is not None
    assert f"{path} is inside" in failed
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["AGENTS.md", "docs/CLAUDE.md", ".envrc", ".husky/pre-commit", ".idea/workspace.xml"])
async def test_what_a_person_allows_is_written(tmp_path: Path, path: str) -> None:
    async with scene(str(tmp_path), calls(write(1, path)), environ=ENVIRON, extras=Extras(standing=STANDING)) as found:
        payloads = await played(found, {"call_1": "allow"})
    assert decided(payloads) == [("call_1", "ask", "protected_path")]
    assert (tmp_path / path).read_text() == "x"


async def test_with_full_access_only_our_own_files_are_out_of_reach(tmp_path: Path) -> None:
    script = calls(write(1, ".git/hooks/pre-commit"), write(2, ".vscode/tasks.json"))
    async with scene(str(tmp_path), script, environ=ENVIRON, extras=Extras(standing=STANDING)) as found:
        payloads = await played(found, {}, NewThread(mode="yolo"))
    assert [verdict for _, verdict, _ in decided(payloads)] == ["deny", "deny"]
    reasons = [p.reason for p in payloads if isinstance(p, CallDecided)]
    assert "nothing is written there" in reasons[0]
    assert "approved without a person" in reasons[1]


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        *((".git/hooks/pre-commit", "deny"), (".git/config", "deny"), (".claude/settings.json", "deny")),
        *((".git/index.lock", "ask"), ("sub/.claude/x", "ask"), ("AGENTS.md", "ask")),
    ],
)
@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
def test_a_command_is_not_asked_about_what_its_cage_would_refuse(path: str, verdict: str, tier: str) -> None:
    full = tier == "bubblewrap"
    call = PlannedCall(
        tool="exec_shell",
        effects=frozenset({"execute"}),
        default="ask",
        description="Run",
        workspace="/w",
        command=ShellText(text=f"echo x > {path}", cwd="/w"),
        targets=(Target(given=path, path=f"/w/{path}", real=f"/w/{path}", write=True),),
    )
    posture = Posture(allow_shell=True, tier="bubblewrap" if full else "landlock", guards_history=full)
    assert decide(call, posture).verdict == (verdict if full else "ask")
