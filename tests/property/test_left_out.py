"""Whatever is pruned, summarised and taken back, in any order: calls keep their results, a fold gives the same from anywhere, and
taking back is exact."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codewhale.context.conversation import in_force, messages, project
from codewhale.context.left_out import left_out
from codewhale.context.pruning import SMALL, prune, saved
from codewhale.domain.compactions import Compaction, CompactionAct
from codewhale.domain.messages import AssistantMessage, Message, ToolMessage
from codewhale.domain.records import SCHEMA_VERSION, Item, ItemKind, Status, ToolCall


def item(
    number: int, kind: ItemKind, turn: int, step: int, *, detail: str = "said", status: Status = "completed"
) -> Item:
    call = kind in ("tool_call", "file_change")
    return Item(
        schema_version=SCHEMA_VERSION,
        id=f"item_{number}",
        turn_id=f"turn_{turn}",
        kind=kind,
        status=status,
        summary="",
        artifact_refs=(),
        detail=detail,
        step=step,
        call=ToolCall(id=f"call_{number}", name="read_file", arguments='{"path":"a"}') if call else None,
        ended_at="2026-01-01T00:00:00.000Z",
    )


def compaction(number: int, turn: int, act: CompactionAct, kept: int, pruned: dict[str, str]) -> Item:
    made = item(number, "context_compaction", turn, 0, detail=f"summary {number}")
    done = Compaction(act=act, tokens_before=2, tokens_after=1, kept_steps=kept, pruned=pruned)
    return replace(made, compaction=done)


KINDS: tuple[ItemKind, ...] = ("tool_call", "tool_call", "agent_message", "file_change", "agent_reasoning")


@st.composite
def threads(draw: st.DrawFn) -> list[Item]:
    """Threads with compactions between steps, as the engine makes them."""
    found: list[Item] = []
    for turn in range(draw(st.integers(1, 4))):
        found.append(item(len(found), "user_message", turn, 0))
        for step in range(1, draw(st.integers(1, 5))):
            for kind in draw(st.lists(st.sampled_from(KINDS), max_size=3)):
                status = draw(st.sampled_from(("completed", "completed", "failed")))
                size = draw(st.sampled_from((10, SMALL, SMALL * 3)))
                found.append(item(len(found), kind, turn, step, detail="w" * size, status=status))
            if draw(st.booleans()):
                found.append(item(len(found), "user_message", turn, step))
            act = draw(st.sampled_from((None, None, "pruned", "summarized", "restored")))
            if act is not None and (act != "restored" or in_force(found)):
                stubs = prune(project(found), draw(st.integers(1, 3000))) if act == "pruned" else {}
                kept = draw(st.integers(0, 3)) if act == "summarized" else 0
                found.append(compaction(len(found), turn, act, kept, stubs))
    return found


def orphans(conversation: list[Message]) -> list[str]:
    wrong: list[str] = []
    owed: list[str] = []
    for message in conversation:
        if isinstance(message, ToolMessage):
            wrong += [] if message.call_id in owed else [message.call_id]
            owed = [call_id for call_id in owed if call_id != message.call_id]
        else:
            wrong += owed
            owed = [call.id for call in message.calls] if isinstance(message, AssistantMessage) else []
    return wrong + owed


@given(threads())
def test_a_call_has_its_result_at_every_point(thread: list[Item]) -> None:
    for end in range(len(thread) + 1):
        assert orphans(messages(thread[:end])) == []


@given(threads())
def test_taking_back_is_as_if_it_had_never_been(thread: list[Item]) -> None:
    standing = in_force(thread)
    if not standing:
        return
    back = compaction(len(thread), 9, "restored", 0, {})
    assert messages([*thread, back]) == messages([one for one in thread if one is not standing[-1]])


@given(threads(), st.integers(0, 5))
def test_a_summary_keeps_the_latest_steps_as_they_were(thread: list[Item], kept: int) -> None:
    before = project(thread)
    done = compaction(len(thread), 9, "summarized", kept, {})
    after = project([*thread, done])
    assert after.steps == before.steps[max(len(before.steps) - kept, 0) :]
    tail = after.messages[1:]
    assert tail == before.messages[len(before.messages) - len(tail) :]
    assert sum(len(step) for step in after.steps) == 0 or kept


@given(threads(), st.integers(1, 5000), st.integers(0, 4))
def test_only_old_large_results_of_calls_that_went_well_are_left_out(
    thread: list[Item], over: int, latest: int
) -> None:
    projection = project(thread)
    stubs = prune(projection, over, latest=latest)
    for step in projection.steps:
        for one in step:
            if one.call is not None and one.call.id in stubs:
                assert (one.kind, one.status) == ("tool_call", "completed")
                assert len(one.detail or "") > SMALL
                assert one.call.id in stubs[one.call.id]
    late = {one.call.id for step in projection.steps[-latest:] for one in step if one.call} if latest else set[str]()
    assert not late & stubs.keys()
    assert saved(projection, stubs) == sum(
        len(m.text) for m in projection.messages if isinstance(m, ToolMessage) and m.call_id in stubs
    ) - sum(map(len, stubs.values()))


@given(threads())
def test_what_is_left_out_is_what_the_model_does_not_see(thread: list[Item]) -> None:
    report = left_out("thr_1", thread)
    sent = "\n".join(message.text for message in messages(thread))
    seen = {call.id for m in messages(thread) if isinstance(m, AssistantMessage) for call in m.calls}
    for one in report.items:
        if one.why == "summarized" and one.ref is not None:
            assert one.ref not in seen
        if one.why == "pruned":
            assert one.ref in seen
    assert report.summary is None or report.summary in sent
    assert sum(one.in_force for one in report.compactions) == len(in_force(thread))
