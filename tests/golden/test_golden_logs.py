"""One scripted turn each, compared event by event. The .jsonl files beside this one document what a turn records."""

import asyncio

import pytest

from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.events import ApprovalRequired, ItemDelta, UserInputRequired
from codewhale.domain.requests import Answer
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import BOUND, SameLog, Scene, Stage


async def begun(scene: Scene, prompt: str, new: NewThread | None = None) -> tuple[str, str]:
    """A turn under way: its thread and its id."""
    thread = await scene.thread(new)
    started = await scene.runtime.start_turn(thread.id, TurnInput(prompt=prompt))
    return thread.id, started.turn.id


async def test_plain_answer(stage: Stage, same_log: SameLog) -> None:
    async with stage('[[reply]]\nreasoning = "Greet back."\ntext = "Hello, I am here."\n') as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "hello")
        same_log(scene, thread.id, "plain_answer")


TOOLS_AND_GATE = """
[[reply]]
reasoning = "Two files, then a note."
text = "Let me look."
calls = [
  {id = "call_1", tool = "read_file", arguments = {path = "notes.txt"}},
  {id = "call_2", tool = "read_file", arguments = {path = "main.py"}},
  {id = "call_3", tool = "write_file", arguments = {path = "summary.txt", content = "two files\\n"}},
]
[[reply]]
text = "I wrote summary.txt."
"""


async def test_parallel_reads_and_a_gated_write(stage: Stage, same_log: SameLog) -> None:
    async with stage(TOOLS_AND_GATE) as scene:
        thread_id, turn_id = await begun(scene, "summarise the files")
        await scene.until(thread_id, ApprovalRequired.WIRE)
        await scene.runtime.decide("call_3", "allow")
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "tools_and_gate")


async def test_a_denied_call_is_told_to_the_model(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "rm -rf build"}}]
    [[reply]]
    text = "I left it alone."
    """
    async with stage(script) as scene:
        thread_id, turn_id = await begun(scene, "clean up")
        await scene.until(thread_id, ApprovalRequired.WIRE)
        await scene.runtime.decide("call_1", "deny")
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "denial")


async def test_auto_approval_is_in_the_log(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "echo built"}}]
    [[reply]]
    text = "Built."
    """
    async with stage(script) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        await scene.say(thread.id, "build")
        same_log(scene, thread.id, "auto_approval")


async def test_remembering_lets_the_rest_of_the_turn_run(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    calls = [
      {id = "call_1", tool = "exec_shell", arguments = {command = "echo one"}},
      {id = "call_2", tool = "exec_shell", arguments = {command = "echo two"}},
    ]
    [[reply]]
    text = "Both ran."
    """
    async with stage(script) as scene:
        thread_id, turn_id = await begun(scene, "run both")
        await scene.until(thread_id, ApprovalRequired.WIRE)
        await scene.runtime.decide("call_1", "allow", remember=True)
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "remembered_approval")


async def test_interrupt_in_text_keeps_what_was_said(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    text = ["I began ", "and would go on."]
    hold = {name = "mid", at = "mid_text"}
    """
    async with stage(script) as scene:
        thread_id, turn_id = await begun(scene, "tell me")
        async with asyncio.timeout(BOUND):
            await scene.provider.held("mid")
        await scene.runtime.interrupt(thread_id, turn_id)
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "interrupt_in_text")


async def test_interrupt_in_a_tool_kills_it_and_accounts_for_the_calls_behind_it(
    stage: Stage, same_log: SameLog
) -> None:
    script = """
    [[reply]]
    calls = [
      {id = "call_1", tool = "exec_shell", arguments = {command = "echo started; exec sleep 600"}},
      {id = "call_2", tool = "read_file", arguments = {path = "notes.txt"}},
    ]
    """
    async with stage(script) as scene:
        thread_id, turn_id = await begun(scene, "wait", NewThread(auto_approve=True))
        await scene.until(thread_id, ItemDelta.WIRE)
        await scene.runtime.interrupt(thread_id, turn_id)
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "interrupt_in_tool")


async def test_interrupt_in_an_approval_denies_it(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "make"}}]
    """
    async with stage(script) as scene:
        thread_id, turn_id = await begun(scene, "build")
        await scene.until(thread_id, ApprovalRequired.WIRE)
        await scene.runtime.interrupt(thread_id, turn_id)
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "interrupt_in_approval")


async def test_steering_reaches_the_next_step(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    text = "Reading."
    calls = [{id = "call_1", tool = "read_file", arguments = {path = "notes.txt"}}]
    hold = {name = "mid", at = "mid_text"}
    [[reply]]
    text = "In French: un, deux."
    """
    async with stage(script) as scene:
        thread_id, turn_id = await begun(scene, "read the notes")
        async with asyncio.timeout(BOUND):
            await scene.provider.held("mid")
        await scene.runtime.steer(thread_id, turn_id, "answer in French")
        scene.provider.release("mid")
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "steer")


async def test_a_question_is_answered_once(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    [[reply.calls]]
    id = "call_1"
    tool = "request_user_input"
    [[reply.calls.arguments.questions]]
    header = "Database"
    id = "db"
    question = "Which one?"
    options = [
      {label = "sqlite", description = "one file"},
      {label = "postgres", description = "a server"},
    ]
    [[reply]]
    text = "SQLite it is."
    """
    async with stage(script) as scene:
        thread_id, turn_id = await begun(scene, "set up storage")
        await scene.until(thread_id, UserInputRequired.WIRE)
        await scene.runtime.answer(thread_id, "call_1", [Answer(id="db", label="sqlite", value="sqlite")])
        await scene.turn(thread_id, turn_id)
        same_log(scene, thread_id, "question")


async def test_wrong_calls_are_errors_to_the_model(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    calls = [
      {id = "call_1", tool = "read_file", raw_arguments = "{\\"path\\": "},
      {id = "call_2", tool = "read_file", arguments = {file = "notes.txt"}},
      {id = "call_3", tool = "no_such_tool", arguments = {}, force = true},
      {id = "call_4", tool = "read_file", arguments = {path = "../outside.txt"}},
    ]
    [[reply]]
    text = "Sorry."
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "go wrong")
        same_log(scene, thread.id, "invalid_calls")


async def test_text_that_looks_like_a_call_is_text(stage: Stage, same_log: SameLog) -> None:
    async with stage('[[reply]]\ntext = \'<tool_call>{"name": "exec_shell"}</tool_call>\'\n') as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        await scene.say(thread.id, "hello")
        same_log(scene, thread.id, "text_like_a_call")


async def test_the_step_limit_is_a_failure(stage: Stage, same_log: SameLog) -> None:
    script = """
    [default]
    calls = [{tool = "list_dir", arguments = {}}]
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "for ever", TurnInput(prompt="for ever", max_steps=2))
        same_log(scene, thread.id, "step_limit")


async def test_a_fork_has_the_finished_turns(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    text = "First answer."
    [[reply]]
    text = "Second answer."
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "first")
        fork = await scene.runtime.fork_thread(thread.id)
        await scene.say(fork.id, "second")
        assert [type(m).__name__ for m in scene.provider.requests[-1].messages] == [
            "UserMessage",
            "AssistantMessage",
            "UserMessage",
        ]
        same_log(scene, fork.id, "fork")


@pytest.mark.parametrize(
    "category",
    [
        "network",
        "timeout",
        "rate_limit",
        "overloaded",
        "server",
        "authentication",
        "authorization",
        "quota",
        "invalid_request",
        "context_length",
        "content_policy",
        "model_not_found",
        "protocol",
    ],
)
async def test_every_class_of_provider_failure_ends_the_turn(stage: Stage, same_log: SameLog, category: str) -> None:
    async with stage(f'[[reply]]\ntext = "never"\nfaults = [{{error = "{category}"}}]\n') as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "hello")
        same_log(scene, thread.id, f"provider_{category}")


async def test_a_stream_that_is_cut_keeps_its_text_marked(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    text = ["Half of ", "the answer."]
    faults = [{cut = "mid_text"}]
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "hello")
        same_log(scene, thread.id, "cut_in_text")


async def test_an_empty_answer_is_a_failure(stage: Stage, same_log: SameLog) -> None:
    async with stage('[[reply]]\nreasoning = "Hm."\n') as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "hello")
        same_log(scene, thread.id, "empty_answer")


async def test_plan_mode_offers_nothing_that_writes(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "write_file", arguments = {path = "a", content = "b"}, force = true}]
    [[reply]]
    text = "Only planning."
    """
    async with stage(script, Defaults(model="scripted", workspace="/", mode="plan")) as scene:
        thread = await scene.thread(NewThread(workspace=scene.workspace))
        await scene.say(thread.id, "write a file")
        same_log(scene, thread.id, "plan_mode")


async def test_compaction(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    text = "Hello, I am here."
    [[reply]]
    text = "The person said hello."
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "hello")
        started = await scene.runtime.compact(thread.id, "a fresh start")
        await scene.turn(thread.id, started.turn.id)
        await scene.say(thread.id, "and now?")
        same_log(scene, thread.id, "compaction")


async def test_a_tool_is_found_brought_in_and_called(stage: Stage, same_log: SameLog) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "tool_search", arguments = {query = "tree of directories", limit = 1}}]
    [[reply]]
    calls = [{id = "call_2", tool = "project_map", arguments = {}}]
    [[reply]]
    text = "Two files."
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "what is there?")
        same_log(scene, thread.id, "tool_search")
