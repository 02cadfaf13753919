"""A crash may leave any prefix of a turn. Recovery makes each of them a whole log again, once, and nothing runs twice."""

from pathlib import Path

import pytest

from codewhale.context.conversation import messages
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.events import ApprovalRequired, Event, ToolCallRequested, UserInputRequired, recorded
from codewhale.domain.fold import ThreadView, fold
from codewhale.domain.laws import violations
from codewhale.domain.messages import ModelRequest, UserMessage
from codewhale.domain.requests import Answer, ClientTool, ClientToolResult, InputText
from codewhale.engine.recover import closing_events
from codewhale.llm.scripted.asked import read_request
from codewhale.llm.scripted.strict import complaint
from codewhale.testing.clocks import ManualClock
from codewhale.testing.scene import scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
STORY = """
[[reply]]
reasoning = "Look first."
text = ["Reading ", "both."]
calls = [
  {id = "call_1", tool = "read_file", arguments = {path = "a.txt"}},
  {id = "call_2", tool = "read_file", arguments = {path = "b.txt"}},
  {id = "call_3", tool = "write_file", arguments = {path = "c.txt", content = "c"}},
]
[[reply]]
text = "One question."
[[reply.calls]]
id = "call_4"
tool = "request_user_input"
[[reply.calls.arguments.questions]]
header = "Name"
id = "name"
question = "Which name?"
options = [{label = "a", description = "short"}, {label = "b", description = "long"}]
[[reply]]
calls = [{id = "call_6", tool = "lookup", arguments = {}}]
[[reply]]
text = "Done."
[[reply]]
reasoning = "More."
calls = [{id = "call_5", tool = "exec_shell", arguments = {command = "echo hi"}}]
[[reply]]
text = "All done."
"""


@pytest.fixture
async def story(tmp_path: Path) -> list[Event]:
    """The whole log of two turns with reads, a gated write, a question, a tool of the client and a command."""
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.txt").write_text("b\n")
    async with scene(str(tmp_path), STORY, environ=ENVIRON) as stage:
        thread = await stage.thread(NewThread())
        lookup = ClientTool(name="lookup", description="Looks up.", input_schema={"type": "object"})
        started = await stage.runtime.start_turn(thread.id, TurnInput(prompt="go", dynamic_tools=(lookup,)))
        await stage.until(thread.id, ApprovalRequired.WIRE)
        await stage.runtime.decide("call_3", "allow")
        await stage.until(thread.id, UserInputRequired.WIRE)
        await stage.runtime.answer(thread.id, "call_4", [Answer(id="name", label="a", value="a")])
        await stage.until(thread.id, ToolCallRequested.WIRE)
        result = ClientToolResult(success=True, content=(InputText(text="found"),))
        await stage.runtime.resolve_call(thread.id, started.turn.id, "call_6", result)
        await stage.turn(thread.id, started.turn.id)
        await stage.say(thread.id, "more", TurnInput(prompt="more", auto_approve=True))
        return stage.log(thread.id)


def recovered(prefix: list[Event]) -> list[Event]:
    """The prefix and the events that recovery appends to it."""
    closing = closing_events(fold(prefix), ManualClock())
    return [*prefix, *(recorded(prefix[-1].seq + n, new) for n, new in enumerate(closing, 1))]


async def test_every_prefix_recovers_to_a_well_formed_log(story: list[Event]) -> None:
    for length in range(1, len(story) + 1):
        assert violations(recovered(story[:length])) == [], f"prefix of {length}"


async def test_recovery_is_idempotent(story: list[Event]) -> None:
    for length in range(1, len(story) + 1):
        once = recovered(story[:length])
        assert recovered(once) == once


async def test_the_next_request_after_any_crash_is_well_formed(story: list[Event]) -> None:
    for length in range(2, len(story) + 1):
        view = fold(recovered(story[:length]))
        asked = ModelRequest(
            model="m", system="s", messages=(*messages(view.items.values()), UserMessage(text="go on"))
        )
        assert complaint(read_request(asked), arguments=True) is None, f"prefix of {length}"


async def test_what_was_said_before_the_crash_is_kept(story: list[Event]) -> None:
    for length in range(1, len(story) + 1):
        before, after = fold(story[:length]), fold(recovered(story[:length]))
        for item_id, item in before.items.items():
            if item.call is None:
                assert before.text_of(item_id) == after.text_of(item_id)


async def test_folding_from_any_cursor_gives_the_same_view(story: list[Event]) -> None:
    whole = fold(story)
    for cut in range(len(story) + 1):
        view = fold(story[:cut])
        assert fold(story, view) == whole  # replayed events at or below the cursor change nothing
        assert fold(story[cut:], fold(story[:cut], ThreadView())) == whole
