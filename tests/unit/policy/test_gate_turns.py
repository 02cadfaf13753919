"""In a turn: every decision is in the log and can be asked about, an approval covers one call as it was shown, rules hold
from the next decision on, and what is harmless can do no harm."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest

from codewhale.domain import events as e
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.decisions import CallDecided, DecisionQuery
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.rules import Rule
from codewhale.engine.harmless import read_only
from codewhale.runtime.rulebook import Rulebook
from codewhale.runtime.standing import Standing
from codewhale.testing.scene import Extras, Scene, scene
from codewhale.workspace.processes import Command, Processes

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/someone"}


def calls(*given: str) -> str:
    """A script in which the model makes these calls, one a step."""
    steps = "".join(f"[[reply]]\ncalls = [{{{call}}}]\n" for call in given)
    return steps + '[[reply]]\ntext = "Done."\n'


def shell(at: int, command: str) -> str:
    return f"id = 'call_{at}', tool = 'exec_shell', arguments = {{command = '{command}'}}"


def write(at: int, path: str) -> str:
    return f"id = 'call_{at}', tool = 'write_file', arguments = {{path = '{path}', content = 'x'}}"


@asynccontextmanager
async def stage(tmp_path: Path, script: str) -> AsyncGenerator[Scene]:
    book = Rulebook(str(tmp_path / "permissions.toml"), None)
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    standing = Standing(unconfined=True, book=book)
    async with scene(str(work), script, environ=ENVIRON, extras=Extras(standing=standing)) as found:
        yield found


async def answered(found: Scene, thread_id: str, decisions: list[e.ApprovalRequired]) -> None:
    """Answer every approval of the thread with allow, keeping them."""
    async with aclosing(found.runtime.events(thread_id)) as batches:
        async for batch in batches:
            for event in batch:
                payload = event.decode()
                if isinstance(payload, e.ApprovalRequired):
                    decisions.append(payload)
                    with suppress(NotFound):  # the thread answers for itself
                        await found.runtime.decide(payload.id, "allow")
                if isinstance(payload, e.TurnCompleted):
                    return


async def waits(found: Scene, thread_id: str, approval_id: str) -> None:
    """Until this approval waits."""
    async with asyncio.timeout(10), aclosing(found.runtime.events(thread_id)) as batches:
        async for batch in batches:
            for event in batch:
                payload = event.decode()
                if isinstance(payload, e.ApprovalRequired) and payload.id == approval_id:
                    return


async def played(found: Scene, new: NewThread | None = None) -> tuple[str, list[e.Payload], list[e.ApprovalRequired]]:
    """Run one turn with a person who allows everything."""
    thread = await found.thread(new)
    asked: list[e.ApprovalRequired] = []
    await found.runtime.start_turn(thread.id, TurnInput(prompt="go"))
    async with asyncio.timeout(10):
        await answered(found, thread.id, asked)
    return thread.id, [event.decode() for event in found.log(thread.id)], asked


async def test_every_call_has_a_decision_and_the_decision_an_answer(tmp_path: Path) -> None:
    script = calls(shell(1, "touch made"), write(2, "AGENTS.md"), shell(3, "rm -rf /"))
    async with stage(tmp_path, script) as found:
        thread_id, payloads, asked = await played(found)
        past = await found.runtime.policy.decisions(DecisionQuery(thread_id=thread_id))
        one = await found.runtime.policy.decisions(DecisionQuery(call_id="call_2", limit=1))
    decided = [p for p in payloads if isinstance(p, CallDecided)]
    assert [(d.call_id, d.verdict, d.rule) for d in decided] == [
        ("call_1", "ask", "tool_default"),
        ("call_2", "ask", "protected_path"),
        ("call_3", "deny", "forbid.destroy"),
    ]
    assert [(d.decision.call_id, d.outcome, d.automatic) for d in reversed(past)] == [
        ("call_1", "allow", False),
        ("call_2", "allow", False),
        ("call_3", None, False),
    ]
    assert one == [past[1]]
    assert [ruling.layer for ruling in decided[1].trail] == ["tool", "law"]
    assert asked[1].reason == "it changes AGENTS.md: instructions that every agent here is given"
    assert asked[1].targets == (str(tmp_path / "work" / "AGENTS.md"),)
    assert (asked[0].confined_by, asked[0].matched_rule) == ("none, workspace-write", "tool_default")


async def test_a_protected_file_is_not_changed_where_nobody_is_asked(tmp_path: Path) -> None:
    script = calls(write(1, "docs/AGENTS.md"), shell(2, "echo x > CLAUDE.md"), write(3, "fine.txt"))
    async with stage(tmp_path, script) as found:
        _, payloads, _ = await played(found, NewThread(auto_approve=True))
    verdicts = [p.verdict for p in payloads if isinstance(p, CallDecided)]
    assert verdicts == ["deny", "deny", "allow"]
    assert sorted(os.listdir(tmp_path / "work")) == ["fine.txt"]


async def test_an_approval_does_not_cover_what_a_link_leads_to_later(tmp_path: Path) -> None:
    async with stage(tmp_path, calls(write(1, "link/x.txt"))) as found:
        work = tmp_path / "work"
        (work / "a").mkdir()
        (work / "b").mkdir()
        (work / "link").symlink_to("a")
        thread = await found.thread()
        started = await found.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        asked = (await found.until(thread.id, e.ApprovalRequired.WIRE))[-1].decode()
        assert isinstance(asked, e.ApprovalRequired)
        assert asked.targets == (str(work / "a" / "x.txt"),)
        (work / "link").unlink()
        (work / "link").symlink_to("b")
        await found.runtime.decide(asked.id, "allow")
        ended = [event.decode() for event in await found.turn(thread.id, started.turn.id)]
        assert os.listdir(work / "a") == os.listdir(work / "b") == []
    (failed,) = [p for p in ended if isinstance(p, e.ItemFailed)]
    assert failed.item.detail is not None
    assert "not the call that was approved" in failed.item.detail


async def test_a_rule_that_is_suggested_shows_its_past_and_holds_at_once(tmp_path: Path) -> None:
    script = calls(shell(1, "npm --version x"), shell(2, "npm test"), shell(3, "npm test"))
    async with stage(tmp_path, script) as found:
        policy = found.runtime.policy
        thread = await found.thread()
        started = await found.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        await waits(found, thread.id, "call_1")
        await found.runtime.decide("call_1", "deny")
        await waits(found, thread.id, "call_2")
        exact, wider = await policy.suggestions(thread.id, "call_2")
        work = str(tmp_path / "work")
        assert exact.rule == Rule(action="allow", tool="exec_shell", command_exact="npm test", workspace=work)
        assert wider.rule == Rule(action="allow", tool="exec_shell", command="npm test", workspace=work)
        assert (exact.looked_at, exact.matched, exact.changed) == (2, 1, {"ask -> allow": 1})
        await policy.add_rule(wider.rule)
        await found.runtime.decide("call_2", "allow")
        await found.turn(thread.id, started.turn.id)
        last = (await policy.decisions(DecisionQuery(call_id="call_3")))[0].decision
        assert (last.verdict, last.rule) == ("allow", f'permissions: allow exec_shell "npm test" in {work}')
        denied = await policy.simulate(Rule(action="deny", command="npm"))
        allowed = await policy.simulate(Rule(action="allow", command="npm --version"))
        assert denied.changed == {"ask -> deny": 2, "allow -> deny": 1}
        assert (allowed.changed, allowed.against_you) == ({"ask -> allow": 1}, 1)
        assert (await policy.rules()).rules == (wider.rule,)
        assert await policy.remove_rule(1) == wider.rule
        with pytest.raises(NotFound):
            await policy.suggestions(thread.id, "call_9")
        with pytest.raises(InvalidInput):
            await policy.simulate(Rule(action="allow"))


async def test_what_a_project_would_widen_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "work" / ".deepseek").mkdir(parents=True)
    (tmp_path / "work" / ".deepseek" / "config.toml").write_text('approval_policy = "auto"\nbase_url = "http://x"\n')
    script = '[[reply]]\ntext = "One."\n[[reply]]\ntext = "Two."\n'
    async with stage(tmp_path, script) as found:
        thread = await found.thread()
        for _ in range(2):
            await found.say(thread.id, "go")
        notes = [
            p.item.detail
            for event in found.log(thread.id)
            if isinstance(p := event.decode(), e.ItemCompleted) and p.item.kind == "status"
        ]
    assert notes == [
        "This project may only tighten permissions; ignored: config.toml: approval_policy, config.toml: base_url."
    ]


async def test_what_was_cleared_as_harmless_can_write_nothing(tmp_path: Path) -> None:
    processes = Processes(ENVIRON)
    try:
        await processes.settle_tier()
        if processes.known_tier == "none":
            pytest.skip("no sandbox works here, so nothing is cleared as harmless")
        view = read_only(processes, str(tmp_path))
        script = (
            "echo x > made; touch made; cat .git/config; git config --get core.hooksPath; cat /proc/net/dev | wc -l"
        )
        (tmp_path / "kept").write_text("kept")
        result = await view.run(Command(argv=view.shell(script), cwd=str(tmp_path), timeout=20))
        assert os.listdir(tmp_path) == ["kept"]
        assert result.confined_by == processes.known_tier
        assert "/dev/null" in result.stdout.text
    finally:
        processes.close()
