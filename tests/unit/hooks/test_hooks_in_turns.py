"""Hooks as real programs around real turns: each point in its order, verdicts that hold, failures that are said."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from codewhale.domain.commands import TurnInput
from codewhale.domain.errors import InvalidInput
from codewhale.domain.events import ApprovalRequired
from codewhale.domain.hooks import Always, Condition, Hook, HookEvent, HookSettings, InMode, ToolCategory, ToolName
from codewhale.domain.messages import ToolMessage, UserMessage
from codewhale.domain.records import Item
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import MODEL, Extras, Scene, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
ONE_COMMAND = """
[[reply]]
calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "echo $GREETING"}}]
[[reply]]
text = "Done."
"""
TALK = """
[[reply]]
text = "one"
[[reply]]
text = "two"
"""


def hook(event: HookEvent, command: str, condition: Condition | None = None, **more: object) -> Hook:
    """A hook of the person's."""
    plain = Hook(event=event, command=command, name="h", source="config.toml", condition=condition or Always())
    return msgspec.structs.replace(plain, **more)


@asynccontextmanager
async def staged(
    workspace: Path, script: str, hooks: Sequence[Hook], *, auto_approve: bool = True
) -> AsyncGenerator[Scene, None]:
    """A scene with these hooks."""
    defaults = Defaults(model=MODEL, workspace=str(workspace), allow_shell=True, auto_approve=auto_approve)
    settings = HookSettings(hooks=tuple(hooks))
    async with scene(
        str(workspace), script, environ=ENVIRON, defaults=defaults, extras=Extras(hooks=settings)
    ) as found:
        yield found


def items(found: Scene, thread_id: str, kind: str) -> list[Item]:
    return [item for item in found.store.items(thread_id) if item.kind == kind]


def results(found: Scene) -> list[str]:
    """The tool results in the last request."""
    return [m.text for m in found.provider.requests[-1].messages if isinstance(m, ToolMessage)]


async def test_every_point_in_its_order(tmp_path: Path) -> None:
    events: tuple[HookEvent, ...] = (
        "session_start",
        "message_submit",
        "tool_call_before",
        "shell_env",
        "tool_call_after",
        "turn_end",
        "session_end",
    )
    write = 'echo "$(cat) $DEEPSEEK_TOOL_EXIT_CODE" >> log.jsonl'
    hooks = [hook(event, write if event != "shell_env" else f"{write}; echo GREETING=hello") for event in events]
    async with staged(tmp_path, ONE_COMMAND, hooks) as found:
        thread = await found.thread()
        await found.say(thread.id, "greet me")
        assert [item.detail for item in items(found, thread.id, "command_execution")] == ["hello"]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    told = [msgspec.json.decode(line.rpartition("}")[0] + "}") for line in lines]
    assert [one["event"] for one in told] == list(events)
    assert told[1]["message"] == "greet me"
    assert told[2]["tool_args"] == {"command": "echo $GREETING"}
    assert (told[4]["tool_result"], told[4]["exit_code"], lines[4][-1]) == ("hello", 0, "0")
    assert {one["session_id"] for one in told} == {thread.id}


async def test_a_message_is_replaced_before_it_is_recorded(tmp_path: Path) -> None:
    hooks = [
        hook("message_submit", """echo '{"text": "first"}'"""),
        hook("message_submit", """read -r all; case $all in *first*) echo '{"text": "second"}';; esac"""),
    ]
    async with staged(tmp_path, TALK, hooks) as found:
        thread = await found.thread()
        await found.say(thread.id, "as typed")
        assert [item.detail for item in items(found, thread.id, "user_message")] == ["second"]
        assert found.provider.requests[0].messages == (UserMessage(text="second"),)


async def test_a_blocked_message_starts_no_turn(tmp_path: Path) -> None:
    block = 'case $DEEPSEEK_MESSAGE in *secret*) echo "no secrets" >&2; exit 2;; esac'
    async with staged(tmp_path, TALK, [hook("message_submit", block)]) as found:
        thread = await found.thread()
        with pytest.raises(InvalidInput, match="a hook blocked this message: h: no secrets"):
            await found.say(thread.id, "the secret is 1")
        assert found.provider.requests == []
        await found.say(thread.id, "all clear")
        assert len(found.provider.requests) == 1


async def test_a_denied_call_does_not_run_even_where_all_is_approved(tmp_path: Path) -> None:
    deny = """echo '{"decision": "deny", "reason": "not on Fridays"}'"""
    async with staged(tmp_path, ONE_COMMAND, [hook("tool_call_before", deny, ToolCategory(category="shell"))]) as found:
        thread = await found.thread()
        await found.say(thread.id, "greet me")
        assert results(found) == ["Not allowed: not on Fridays."]


async def test_an_asking_hook_cannot_be_overruled_by_automatic_approval(tmp_path: Path) -> None:
    ask = """echo '{"decision": "ask", "reason": "look at it"}'"""
    async with staged(tmp_path, ONE_COMMAND, [hook("tool_call_before", ask)]) as found:
        thread = await found.thread()
        started = await found.runtime.start_turn(thread.id, TurnInput(prompt="greet me"))
        required = (await found.until(thread.id, ApprovalRequired.WIRE))[-1].decode()
        assert isinstance(required, ApprovalRequired)
        assert required.matched_rule == "hook h"
        await found.runtime.decide(required.approval_id, "allow")
        await found.turn(thread.id, started.turn.id)
        assert results(found) == ["(no output)"]


async def test_a_changed_call_is_what_runs_and_context_is_told(tmp_path: Path) -> None:
    change = """echo '{"updatedInput": {"command": "echo changed"}, "additionalContext": "The hook changed it."}'"""
    async with staged(tmp_path, ONE_COMMAND, [hook("tool_call_before", change, ToolName(name="exec_*"))]) as found:
        thread = await found.thread()
        await found.say(thread.id, "greet me")
        assert results(found) == ["changed\nThe hook changed it."]


async def test_a_strict_hook_that_breaks_denies_and_is_reported(tmp_path: Path) -> None:
    async with staged(tmp_path, ONE_COMMAND, [hook("tool_call_before", "exit 7", strict=True)]) as found:
        thread = await found.thread()
        await found.say(thread.id, "greet me")
        assert results(found) == ["Not allowed: it ended with exit code 7."]
        notes = [item.detail for item in items(found, thread.id, "status")]
        assert notes == ["Hook h (tool_call_before, config.toml): it ended with exit code 7."]


async def test_a_hook_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    hang = "(sleep 1000; touch survived) & sleep 1000"
    async with staged(tmp_path, ONE_COMMAND, [hook("tool_call_before", hang, timeout=0.3)]) as found:
        thread = await found.thread()
        await found.say(thread.id, "greet me")
        assert results(found) == ["(no output)"]
        (note,) = [item.detail for item in items(found, thread.id, "status")]
        assert note is not None
        assert "it was stopped after 0.3 s, with everything it had started" in note


async def test_the_mode_of_a_turn_is_told_when_it_changes(tmp_path: Path) -> None:
    told = 'echo "$DEEPSEEK_PREVIOUS_MODE to $DEEPSEEK_MODE" >> log'
    hooks = [hook("mode_change", told), hook("message_submit", "echo planning >> log", InMode("plan"))]
    async with staged(tmp_path, TALK, hooks) as found:
        thread = await found.thread()
        await found.say(thread.id, "one")
        await found.say(thread.id, "two", TurnInput(prompt="two", mode="plan"))
    assert (tmp_path / "log").read_text() == "agent to plan\nplanning\n"


async def test_a_failed_turn_is_told(tmp_path: Path) -> None:
    async with staged(tmp_path, '[[reply]]\ntext = ""\n', [hook("on_error", 'echo "$DEEPSEEK_ERROR" > log')]) as found:
        thread = await found.thread()
        await found.say(thread.id, "say nothing")
    assert (tmp_path / "log").read_text() == "The model ended its turn without an answer.\n"


async def test_hooks_in_the_background_hold_nothing_up_and_are_bounded(tmp_path: Path) -> None:
    wait = "until [ -e go ]; do sleep 0.01; done; echo x >> log"
    hooks = [hook("message_submit", wait, background=True)] * 40
    async with staged(tmp_path, TALK, hooks) as found:
        thread = await found.thread()
        await found.say(thread.id, "one")
        notes = [item.detail or "" for item in items(found, thread.id, "status")]
        assert len(notes) == 40 - 32
        assert "this run was left out" in notes[0]
        (tmp_path / "go").touch()
    assert (tmp_path / "log").read_text() == "x\n" * 32


async def test_hooks_of_a_project_run_only_where_they_are_trusted(tmp_path: Path) -> None:
    (tmp_path / ".deepseek").mkdir()
    file = tmp_path / ".deepseek/hooks.toml"
    text = '[[hooks]]\nevent = "message_submit"\ncommand = "touch canary"\n'
    file.write_text(text)
    async with staged(tmp_path, TALK, []) as found:
        thread = await found.thread()
        await found.say(thread.id, "one")
        assert not (tmp_path / "canary").exists()
        file.write_text(f"# trusted\n{text}")
        await found.say(thread.id, "two")
        assert (tmp_path / "canary").exists()


async def test_an_interrupted_turn_ends_its_session_too(tmp_path: Path) -> None:
    script = '[[reply]]\ncalls = [{id = "c", tool = "exec_shell", arguments = {command = "sleep 1000"}}]\n'
    async with staged(tmp_path, script, [hook("turn_end", "echo ended >> log")]) as found:
        thread = await found.thread()
        started = await found.runtime.start_turn(thread.id, TurnInput(prompt="wait"))
        async with asyncio.timeout(5):
            await found.until(thread.id, "item.started")
        await found.runtime.interrupt(thread.id, started.turn.id)
        await found.turn(thread.id, started.turn.id)
    assert (tmp_path / "log").read_text() == "ended\n"
