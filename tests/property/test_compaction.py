"""Compaction keeps calls and results together, whatever is left out, and the fold begins at the last summary."""

from hypothesis import given
from hypothesis import strategies as st

from codewhale.context.compaction import PRUNED_FROM, fitting
from codewhale.context.conversation import messages
from codewhale.context.estimate import size
from codewhale.domain.messages import AssistantMessage, Message, ToolMessage, UserMessage
from codewhale.domain.records import SCHEMA_VERSION, Item, ItemKind, Status, ToolCall

texts = st.integers(0, 3000).map(lambda n: "word " * (n // 5))


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Well-formed conversations: each call has its result right after the message that asked for it."""
    found: list[Message] = [UserMessage(text=draw(texts))]
    for step in range(draw(st.integers(0, 12))):
        if draw(st.booleans()):
            found.append(UserMessage(text=draw(texts)))
        calls = tuple(
            ToolCall(id=f"call_{step}_{n}", name="read_file", arguments=f'{{"path":"{draw(texts)}"}}')
            for n in range(draw(st.integers(0, 3)))
        )
        found.append(AssistantMessage(text=draw(texts), reasoning=draw(texts), calls=calls))
        found += [ToolMessage(call_id=call.id, name=call.name, text=draw(texts)) for call in calls]
    return found


def orphans(conversation: list[Message]) -> list[str]:
    """Ids of calls without a result and of results without a call, in the places where a strict model looks for them."""
    wrong: list[str] = []
    owed: list[str] = []
    for message in conversation:
        if isinstance(message, ToolMessage):
            if message.call_id in owed:
                owed.remove(message.call_id)
            else:
                wrong.append(message.call_id)
        else:
            wrong += owed
            owed = [call.id for call in message.calls] if isinstance(message, AssistantMessage) else []
    return wrong + owed


@given(conversations(), st.integers(0, 30_000))
def test_what_is_sent_for_a_summary_has_every_result_with_its_call(conversation: list[Message], limit: int) -> None:
    sent = fitting(conversation, limit)
    assert orphans(sent) == []
    if size(conversation) <= limit:
        assert sent == conversation
    kept = [call.id for m in sent if isinstance(m, AssistantMessage) for call in m.calls]
    every = [call.id for m in conversation if isinstance(m, AssistantMessage) for call in m.calls]
    assert kept == [call_id for call_id in every if call_id in set(kept)]


@given(conversations(), st.integers(8_000, 30_000))
def test_what_is_sent_for_a_summary_fits(conversation: list[Message], limit: int) -> None:
    notes = 12 * PRUNED_FROM  # texts that were shortened say so
    assert size(fitting(conversation, limit)) <= limit + notes


@given(conversations())
def test_old_results_go_before_anything_that_was_said(conversation: list[Message]) -> None:
    said = [m for m in conversation if not isinstance(m, ToolMessage)]
    results = [m for m in conversation if isinstance(m, ToolMessage)]
    limit = size(said) + sum(min(len(m.text), PRUNED_FROM) for m in results)
    sent = fitting(conversation, limit)
    assert [m.text for m in sent if isinstance(m, UserMessage)] == [m.text for m in said if isinstance(m, UserMessage)]


def item(number: int, kind: ItemKind, status: Status, *, turn: int, step: int, call: ToolCall | None = None) -> Item:
    return Item(
        schema_version=SCHEMA_VERSION,
        id=f"item_{number}",
        turn_id=f"turn_{turn}",
        kind=kind,
        status=status,
        summary="",
        artifact_refs=(),
        detail=f"text {number}",
        step=step,
        call=call,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Item]:
    """Items of turns; compactions stand anywhere, also in the middle of a step."""
    found: list[Item] = []
    for turn in range(draw(st.integers(1, 5))):
        for step in range(draw(st.integers(1, 4))):
            for kind in draw(
                st.lists(
                    st.sampled_from(("user_message", "agent_message", "tool_call", "context_compaction")), max_size=4
                )
            ):
                number = len(found)
                call = ToolCall(id=f"call_{number}", name="t", arguments="{}") if kind == "tool_call" else None
                status = draw(st.sampled_from(("completed", "failed", "interrupted")))
                found.append(item(number, kind, status, turn=turn, step=step, call=call))
    return found


@given(histories())
def test_the_conversation_begins_at_the_last_completed_compaction(history: list[Item]) -> None:
    at = [n for n, i in enumerate(history) if i.kind == "context_compaction" and i.status == "completed"]
    conversation = messages(history)
    assert orphans(conversation) == []
    if at:
        summary = UserMessage(text=history[at[-1]].detail or "")
        assert conversation == [summary, *messages(history[at[-1] + 1 :])]
    else:
        assert conversation == messages([i for i in history if i.kind != "context_compaction"])
