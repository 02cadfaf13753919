"""A thread that fills 30 %, 80 % and 100 % of a small and of a large window: calls keep their results, the state of the work is
the same before and after, and what is sent fits."""

import random
from pathlib import Path

import pytest

from codewhale.context.conversation import project
from codewhale.context.estimate import CHARS_PER_TOKEN, measured
from codewhale.context.state import Around, PlanStep, WorkState, parsed, state_of
from codewhale.domain.events import NewEvent, ThreadUpdated, TurnCompleted
from codewhale.domain.messages import AssistantMessage, ModelRequest, ToolMessage
from codewhale.domain.records import SCHEMA_VERSION, Item, ItemKind, ToolCall, Turn
from codewhale.runtime.outside import Model
from codewhale.runtime.threads import Defaults
from codewhale.testing.long_reads import Narrow, asks_for_summary, script, unfolded, window_beside_header
from codewhale.testing.scene import MODEL, Extras, Scene, scene
from codewhale.testing.scripted_provider import ScriptedProvider

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
NOW = "2026-01-01T00:00:00.000Z"
TURN = "turn_b000000000000000"


class History:
    """Items of one turn, of about so many characters: results of calls where `results`, else what was said."""

    def __init__(self, chars: int, *, results: bool) -> None:
        self.items: list[Item] = []
        self._dice = random.Random(chars)
        self._step = 0
        self._add("user_message", "Build a ship. It must be blue.")
        plan = [{"step": "keel", "status": "completed"}, {"step": "sail", "status": "in_progress"}]
        self._call("update_plan", "tool_call", "Plan updated.", {"plan": plan, "explanation": "decided"})
        self._call("write_file", "file_change", "Written.", {"touched_files": ["keel.py"], "created": True})
        todo = [{"id": 1, "content": "paint it", "status": "pending"}]
        self._call("checklist_write", "tool_call", "Saved.", {"task_updates": {"checklist": {"items": todo}}})
        left, piece = chars, max(min(chars // 40, 20_000), 100)
        while left > 0:
            size = self._dice.randint(piece // 2, piece)
            left -= size
            text = f"{len(self.items)} " + "w" * size
            if results and self._dice.random() < 0.9:
                self._call("read_file", "tool_call", text, None)
            else:
                self._add(self._dice.choice(("user_message", "agent_message")), text)

    def _call(self, tool: str, kind: ItemKind, detail: str, metadata: dict[str, object] | None) -> None:
        call = ToolCall(id=f"call_{len(self.items)}", name=tool, arguments='{"path":"a.py"}')
        self._add(kind, detail, call, metadata)

    def _add(
        self, kind: ItemKind, detail: str, call: ToolCall | None = None, metadata: dict[str, object] | None = None
    ) -> None:
        if kind != "user_message":
            self._step += 1
        self.items.append(
            Item(
                schema_version=SCHEMA_VERSION,
                id=f"item_b{len(self.items):015x}",
                turn_id=TURN,
                kind=kind,
                status="completed",
                summary="",
                artifact_refs=(),
                detail=detail,
                metadata=metadata,
                started_at=NOW,
                ended_at=NOW,
                step=self._step,
                call=call,
            )
        )


async def given_history(stage: Scene, history: History) -> str:
    """A thread that has this behind it."""
    thread = await stage.thread()
    turn = Turn(
        schema_version=SCHEMA_VERSION,
        id=TURN,
        thread_id=thread.id,
        status="completed",
        input_summary="",
        created_at=NOW,
        item_ids=tuple(item.id for item in history.items),
        steer_count=0,
    )
    brought = ThreadUpdated(thread=thread, reason="session_resume", turns=(turn,), items=tuple(history.items))
    await stage.store.append([NewEvent(timestamp=NOW, thread_id=thread.id, payload=brought)])
    return thread.id


def orphans(request: ModelRequest) -> set[str]:
    asked = {call.id for m in request.messages if isinstance(m, AssistantMessage) for call in m.calls}
    given = {m.call_id for m in request.messages if isinstance(m, ToolMessage)}
    return asked ^ given


@pytest.mark.parametrize("results", [True, False], ids=["results", "words"])
@pytest.mark.parametrize("share", [30, 80, 100, 130])
@pytest.mark.parametrize("window", [8_000, 1_000_000])
async def test_a_thread_of_any_fullness_goes_on(tmp_path: Path, window: int, share: int, *, results: bool) -> None:
    header = (await window_beside_header(str(tmp_path), ENVIRON, 0)) * 80 // 100
    room = (max(window - header, 0) * share // 100 + 50) * CHARS_PER_TOKEN
    given = script(1)
    provider = Narrow(ScriptedProvider.from_toml(given), window * CHARS_PER_TOKEN)
    extras = Extras(models=lambda model, _: Model(provider=provider, name=model, window=window))
    defaults = Defaults(model=MODEL, workspace=str(tmp_path))
    async with scene(str(tmp_path), given, environ=ENVIRON, defaults=defaults, extras=extras) as stage:
        history = History(room, results=results)
        thread_id = await given_history(stage, history)
        before = state_of(history.items, Around(), 10**9)
        await stage.say(thread_id, "again")
        log = stage.log(thread_id)
        last = log[-1].decode()
        assert isinstance(last, TurnCompleted)
        assert last.turn.status == "completed", last.turn.error
        items = stage.store.items(thread_id)
        done = [item for item in items if item.kind == "context_compaction" and item.status == "completed"]
        assert bool(done) == (share >= 80)
        assert state_of(items, Around(), 10**9) == before
        for item in done:
            if item.summarizes:
                assert same(parsed(item.detail or ""), before)
        assert not any(orphans(request) for request in provider.requests)
        final = provider.requests[-1]
        assert not asks_for_summary(final)
        assert measured(final.system, final.tools, final.messages).whole <= window * CHARS_PER_TOKEN
        assert unfolded(log, provider.requests) == []
        assert project(items).messages[-1].text == "Here I am."


def same(kept: WorkState, before: WorkState) -> bool:
    assert before.plan[1] == PlanStep(step="sail", status="in_progress")
    return kept == before
