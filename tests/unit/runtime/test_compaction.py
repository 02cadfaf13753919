"""A compaction in the engine: what the model is asked, what survives a restart, and what a failure leaves."""

from codewhale.context.compaction import instruction
from codewhale.context.conversation import messages
from codewhale.domain.commands import NewThread, StartedTurn
from codewhale.domain.events import Event, ItemCompleted, StepCompleted
from codewhale.domain.messages import UserMessage
from codewhale.testing.scene import Scene, Stage

TALK = """
[[reply]]
calls = [{id = "call_1", tool = "list_dir", arguments = {path = "."}}]
[[reply]]
text = "I looked."
[[reply]]
text = "Summary text."
"""


async def compacted(scene: Scene, thread_id: str, reason: str | None = None) -> tuple[StartedTurn, list[Event]]:
    started = await scene.runtime.compact(thread_id, reason)
    return started, await scene.turn(thread_id, started.turn.id)


async def test_the_request_begins_like_the_one_before_it(stage: Stage) -> None:
    async with stage(TALK) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "look around")
        await compacted(scene, thread.id, "it is late")
        before, asked = scene.provider.requests[-2:]
        assert asked.messages[: len(before.messages)] == before.messages
        assert (asked.system, asked.tools, asked.model) == (before.system, before.tools, before.model)
        assert asked.messages[-1] == UserMessage(text=instruction("it is late"))


async def test_the_summary_is_folded_from_the_log(stage: Stage) -> None:
    async with stage(TALK) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "look around")
        _, events = await compacted(scene, thread.id)
        done = next(payload for event in events if isinstance(payload := event.decode(), ItemCompleted))
        assert (done.messages_before, done.messages_after, done.auto) == (4, 2, False)
        left = messages(scene.store.items(thread.id))
        assert left[0] == UserMessage(text=done.item.detail or "")
        assert [message.text for message in left[1:]] == ["I looked."]
        copy = await scene.runtime.fork_thread(thread.id)
        await scene.say(copy.id, "go on")
        first = next(r for r in scene.provider.requests if r.messages[-1] == UserMessage(text="go on"))
        assert first.messages == (*left, UserMessage(text="go on"))


async def test_a_summary_that_was_cut_off_replaces_nothing(stage: Stage) -> None:
    script = '[[reply]]\ntext = "Hi."\n[[reply]]\ntext = "Half a"\nfinish = "length"'
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "hello")
        before = messages(scene.store.items(thread.id))
        _, events = await compacted(scene, thread.id)
        assert [event.event for event in events if event.event.startswith("item.")] == [
            "item.started",
            "item.failed",
            "item.failed",
        ]
        assert messages(scene.store.items(thread.id)) == before


async def test_the_call_of_a_compaction_is_counted_like_any_other(stage: Stage) -> None:
    async with stage(TALK) as scene:
        thread = await scene.thread(NewThread(model="m"))
        await scene.say(thread.id, "look around")
        _, events = await compacted(scene, thread.id)
        steps = [payload for event in events if isinstance(payload := event.decode(), StepCompleted)]
        assert [(step.model, step.usage is not None, step.charge) for step in steps] == [("m", True, None)]
