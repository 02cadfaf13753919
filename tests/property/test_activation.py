"""Whatever is found and called in whatever order: bounds hold, nothing moves between two compactions, and a fold that was
interrupted anywhere gives the same."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.records import SCHEMA_VERSION, Item, ToolCall
from codewhale.tools.activation import ACTIVATED, MOST_ACTIVE, MOST_ACTIVE_BYTES, Activation
from codewhale.tools.registry import every_spec, spec_of

NAMES = [spec.name for spec in every_spec()]


def item(name: str, found: list[object]) -> Item:
    """An ended call of `name` that brought in `found`."""
    return Item(
        schema_version=SCHEMA_VERSION,
        id="item_1",
        turn_id="turn_1",
        kind="tool_call",
        status="completed",
        summary="",
        artifact_refs=(),
        detail="",
        call=ToolCall(id="call_1", name=name, arguments="{}"),
        metadata={ACTIVATED: found} if found else None,
    )


COMPACTION = Item(
    schema_version=SCHEMA_VERSION,
    id="item_2",
    turn_id="turn_2",
    kind="context_compaction",
    status="completed",
    summary="",
    artifact_refs=(),
    detail="what was",
)
found = st.lists(st.sampled_from(NAMES) | st.sampled_from(["gone_tool", 7]), max_size=5)
threads = st.lists(st.just(COMPACTION) | st.builds(item, st.sampled_from(NAMES), found), max_size=40)


@given(threads)
def test_it_only_grows_at_its_end_and_within_its_bounds(thread: list[Item]) -> None:
    active = Activation()
    for one in thread:
        before = active.names
        active.see(one)
        assert one is COMPACTION or active.names[: len(before)] == before
        assert len(set(active.names)) == len(active.names) <= MOST_ACTIVE
        assert sum(len(msgspec.json.encode(spec_of(name))) for name in active.names) <= MOST_ACTIVE_BYTES


@given(threads)
def test_it_is_a_fold(thread: list[Item]) -> None:
    whole = Activation(thread)
    assert Activation(thread).names == whole.names
    wanted = {name for one in thread for name in (one.metadata or {}).get(ACTIVATED, ()) if name in NAMES}  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
    assert set(whole.names) <= wanted


def test_what_did_not_fit_comes_in_after_a_compaction_and_what_was_not_used_goes() -> None:
    full, late = NAMES[:MOST_ACTIVE], NAMES[MOST_ACTIVE]
    active = Activation([item("tool_search", [name]) for name in full])
    active.see(item("tool_search", [late]))
    assert active.names == tuple(full)
    assert not active.fits(late)
    active.see(item(full[0], []))
    active.see(COMPACTION)
    assert active.names == (*full[2:], late, full[0])
