"""The events of one turn by hand, for tests of what a surface makes of them: no engine, no store."""

from codewhale.domain import events as e
from codewhale.domain.records import Item, ItemKind, Status, ToolCall, Turn, Usage

NOW = "2026-01-31T10:00:00.000Z"
THREAD_ID = "thr_1"
TURN_ID = "turn_1"


class TurnScript:
    """Makes the events of a turn in order; every method adds one."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []

    def add(self, payload: e.Payload, item_id: str | None = None) -> "TurnScript":
        new = e.NewEvent(timestamp=NOW, thread_id=THREAD_ID, turn_id=TURN_ID, item_id=item_id, payload=payload)
        self.events.append(e.recorded(len(self.events) + 1, new))
        return self

    def said(self, item_id: str, *pieces: str) -> "TurnScript":
        self.add(e.ItemStarted(item=made_item(item_id, "agent_message", "in_progress")), item_id)
        for piece in pieces:
            self.add(e.ItemDelta(delta=piece, kind="agent_message"), item_id)
        return self.add(
            e.ItemCompleted(item=made_item(item_id, "agent_message", "completed", "".join(pieces))), item_id
        )

    def called(self, item_id: str, tool: str, given: object) -> "TurnScript":
        start = e.ToolStart(id=f"call_{item_id}", name=tool, input=given)
        return self.add(e.ItemStarted(item=made_item(item_id, "tool_call", "in_progress"), tool=start), item_id)

    def returned(self, item_id: str, text: str, **metadata: object) -> "TurnScript":
        return self.add(e.ItemCompleted(item=made_item(item_id, "tool_call", "completed", text, metadata)), item_id)

    def refused(self, item_id: str, text: str, category: str) -> "TurnScript":
        return self.add(
            e.ItemFailed(item=made_item(item_id, "tool_call", "failed", text, {"error": category})), item_id
        )

    def ended(self, status: Status = "completed", error: str | None = None, code: str | None = None) -> "TurnScript":
        return self.add(e.TurnCompleted(turn=ended_turn(status, error, code)))


def made_item(
    item_id: str, kind: ItemKind, status: Status, detail: str | None = None, metadata: dict[str, object] | None = None
) -> Item:
    return Item(
        schema_version=2,
        id=item_id,
        turn_id=TURN_ID,
        kind=kind,
        status=status,
        summary=detail or "",
        artifact_refs=(),
        detail=detail,
        metadata=metadata or None,
        call=ToolCall(id=f"call_{item_id}", name="a_tool", arguments="{}") if kind == "tool_call" else None,
    )


def ended_turn(status: Status, error: str | None = None, code: str | None = None) -> Turn:
    return Turn(
        schema_version=2,
        id=TURN_ID,
        thread_id=THREAD_ID,
        status=status,
        input_summary="do it",
        created_at=NOW,
        item_ids=(),
        steer_count=0,
        usage=Usage(input_tokens=1200, output_tokens=34, prompt_cache_hit_tokens=1000),
        error=error,
        error_code=code,
        effective_model="m",
    )
