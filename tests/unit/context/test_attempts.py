"""A model call that was made more than once is one answer in the conversation."""

from codewhale.context.conversation import step_messages
from codewhale.domain.messages import AssistantMessage, Message, ToolMessage
from codewhale.domain.records import Item, ItemKind, Status, ToolCall

CALL = ToolCall(id="call_1", name="list_dir", arguments="{}")


def item(
    kind: ItemKind, detail: str, attempt: int | None = None, status: Status = "completed", call: ToolCall | None = None
) -> Item:
    return Item(
        schema_version=2,
        id="item_1",
        turn_id="turn_1",
        kind=kind,
        status=status,
        summary="",
        artifact_refs=(),
        detail=detail,
        step=1,
        call=call,
        attempt=attempt,
    )


def conversation(*items: Item) -> list[Message]:
    return step_messages(items)


def test_only_the_last_attempt_counts() -> None:
    assert conversation(
        item("agent_reasoning", "Hm."),
        item("agent_message", "Half of ", status="interrupted"),
        item("agent_reasoning", "So.", 2),
        item("agent_message", "Half of the answer.", 2),
        item("tool_call", "notes.txt", 2, call=CALL),
    ) == [
        AssistantMessage(text="Half of the answer.", reasoning="So.", calls=(CALL,)),
        ToolMessage(call_id="call_1", name="list_dir", text="notes.txt"),
    ]


def test_a_part_that_no_attempt_made_whole_stays() -> None:
    part = item("agent_message", "Half of ", status="interrupted")
    assert conversation(part) == [AssistantMessage(text="Half of ")]
    assert conversation(part, item("agent_reasoning", "Again", 2, "interrupted")) == [AssistantMessage(text="Half of ")]


def test_a_last_attempt_that_only_calls_says_nothing_of_the_text_before() -> None:
    part = item("agent_message", "I will ", status="interrupted")
    answer, _ = conversation(part, item("tool_call", "notes.txt", 2, call=CALL))
    assert answer == AssistantMessage(text="", calls=(CALL,))
