"""Law: after any well-formed history the read models equal the fold, and a refold changes nothing."""

import asyncio
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from codewhale.domain.events import NewEvent
from codewhale.domain.records import ItemKind, Usage
from codewhale.store.check import check, rebuild
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scribe import Scribe
from codewhale.testing.store_kit import expect_sound, log_of, scribes

ENDS: list[Literal["completed", "failed", "interrupted"]] = ["completed", "failed", "interrupted"]
words = st.text(max_size=200)


class History:
    """Draws the next well-formed step of one of some threads, which grow in number by forks."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.threads = scribes(2)
        self._questions: set[str] = set()

    def begin(self) -> list[NewEvent]:
        return [event for scribe in self.threads for event in scribe.start()]

    def next(self) -> list[NewEvent]:
        scribe = self._data.draw(st.sampled_from(self.threads))
        if scribe.turn is None:
            return self._between_turns(scribe)
        acts = ["open", "steer", "approve", "question", "step", "end", "update"]
        acts += ["delta", "delta", "close"] if scribe.open_items else []
        acts += ["resolve"] if scribe.open_requests else []
        return self._in_turn(scribe, self._data.draw(st.sampled_from(acts)))

    def _between_turns(self, scribe: Scribe) -> list[NewEvent]:
        act = self._data.draw(st.sampled_from(["ask", "ask", "update", "fork"]))
        if act == "ask":
            return scribe.ask(self._data.draw(words))
        if act == "fork":
            fork, events = scribe.fork()
            self.threads.append(fork)
            return events
        title = self._data.draw(st.none() | words)
        return scribe.update(title=title, archived=self._data.draw(st.booleans()))

    def _in_turn(self, scribe: Scribe, act: str) -> list[NewEvent]:
        draw = self._data.draw
        kinds: list[ItemKind] = ["agent_message", "tool_call", "agent_reasoning", "command_execution"]
        match act:
            case "open":
                return scribe.open(draw(st.sampled_from(kinds)))
            case "delta":
                return scribe.delta(draw(words), draw(st.sampled_from(scribe.open_items)))
            case "close":
                return scribe.close(draw(st.sampled_from(scribe.open_items)), draw(st.sampled_from(ENDS)))
            case "steer":
                return scribe.steer(draw(words))
            case "approve":
                return scribe.request()
            case "question":
                events = scribe.request("question")
                self._questions.add(scribe.open_requests[-1])
                return events
            case "resolve":
                request_id = draw(st.sampled_from(scribe.open_requests))
                return scribe.resolve(request_id, question=request_id in self._questions)
            case "step":
                return scribe.step(draw(st.sampled_from([None, Usage(input_tokens=5, output_tokens=1)])))
            case "update":
                return scribe.update(model=draw(words))
            case _:
                return scribe.end(draw(st.sampled_from(ENDS)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), steps=st.integers(5, 60), prune=st.booleans())
def test_read_models_equal_the_fold_and_survive_a_rebuild(data: st.DataObject, steps: int, prune: bool) -> None:
    asyncio.run(_play(data, steps, prune=prune))


async def _play(data: st.DataObject, steps: int, *, prune: bool) -> None:
    store = SqliteStore.in_memory()
    history = History(data)
    store.append(history.begin())
    for _ in range(steps):
        store.append(history.next())
    await store.append([])
    if prune:
        before = [store.snapshot(scribe.thread.id) for scribe in history.threads]
        await store.prune_deltas(ended_before="9999")
        assert [store.snapshot(scribe.thread.id) for scribe in history.threads] == before
    expect_sound(store)
    assert check(store) == []
    before_rebuild = [log_of(store), [store.snapshot(scribe.thread.id) for scribe in history.threads]]
    with store.writing() as db:
        db.execute(
            "UPDATE threads SET search = 'spoiled', preview = 'spoiled'; DELETE FROM requests; DELETE FROM usage"
        )
    rebuild(store)
    assert check(store) == []
    assert [log_of(store), [store.snapshot(scribe.thread.id) for scribe in history.threads]] == before_rebuild
    store.close()
