"""`kill -9` of the server at random moments of turns with tools: nothing that a client was told is lost, nothing runs twice."""

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from codewhale.domain.events import Event, ItemCompleted, ItemStarted, TurnCompleted
from codewhale.domain.laws import violations
from codewhale.domain.ports import SystemClock
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.http_calls import Frame

if TYPE_CHECKING:
    from conftest import ModelOf, Server, Site

SCRIPT = """
chunk = 8
pace = 0.002
[[turn]]
when = {contains = "trial"}
[[turn.reply]]
reasoning = "First I look around, then I begin."
text = "Reading what there is."
[[turn.reply.calls]]
tool = "list_dir"
arguments = {}
[[turn.reply.calls]]
tool = "grep_files"
arguments = {pattern = "line"}
[[turn.reply]]
text = "Now the first two commands, one after the other."
[[turn.reply.calls]]
tool = "exec_shell"
arguments = {command = "echo '{{prompt}}, call 1' >> effects; seq 200"}
[[turn.reply.calls]]
tool = "exec_shell"
arguments = {command = "echo '{{prompt}}, call 2' >> effects; echo done"}
[[turn.reply]]
[[turn.reply.calls]]
tool = "exec_shell"
arguments = {command = "sleep 0.01; echo '{{prompt}}, call 3' >> effects"}
[[turn.reply]]
text = "That was all of it, and it went well."
"""
TURNS_OF_A_THREAD = 8
LOST = (OSError, asyncio.IncompleteReadError)


class Witness:
    """A client of one thread: every whole frame that it saw, every promise that it was given, over all servers."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        self.seen: list[Frame] = []
        self.turns: list[str] = []
        self.allowed: list[str] = []

    @property
    def cursor(self) -> int:
        return int(self.seen[-1].id or 0) if self.seen else 0

    async def begin(self, server: "Server", prompt: str, *, ask: bool) -> None:
        """Start a turn; a 201 is a promise."""
        body = {"prompt": prompt, "auto_approve": not ask}
        try:
            answer = await server.call("POST", f"/v1/threads/{self.thread_id}/turns", body)
        except LOST:
            return
        assert answer.status == 201, answer.body
        self.turns.append(answer.json()["turn"]["id"])

    async def watch(self, server: "Server", over: asyncio.Event) -> None:
        """Follow from the cursor, and allow what is asked for, until the turn ends or the server is gone."""
        try:
            async with server.events(self.thread_id, after=self.cursor) as stream:
                while (frame := await stream.frame()) is not None:
                    if not frame.event:
                        continue
                    self.seen.append(frame)
                    await self._answer(server, frame)
                    if frame.event == "turn.completed":
                        over.set()
                        return
        except LOST:
            return

    async def _answer(self, server: "Server", frame: Frame) -> None:
        payload: Any = frame.json()["payload"]
        if frame.event == "approval.required":
            answer = await server.call("POST", f"/v1/approvals/{payload['id']}", {"decision": "allow"})
            if answer.status == 200:
                self.allowed.append(payload["id"])

    async def check(self, server: "Server") -> None:
        """After a restart: the log holds all of it, the open turn has ended, and the stream tells."""
        detail: Any = (await server.call("GET", f"/v1/threads/{self.thread_id}")).json()
        turns = [turn["id"] for turn in detail["turns"]]
        assert set(self.turns) <= set(turns)
        assert {turn["status"] for turn in detail["turns"]} <= {"completed", "interrupted"}
        assert {item["status"] for item in detail["items"]} <= {"completed", "failed", "interrupted"}
        ended = Counter[str]()
        whole = await server.until(self.thread_id, lambda frame: _counted(frame, ended) == len(turns))
        assert whole[: len(self.seen)] == self.seen
        assert ended == Counter(turns)
        assert _decided(whole) >= Counter(self.allowed)
        if self.seen and len(whole) > len(self.seen):
            rest = await server.until(self.thread_id, lambda frame: frame == whole[-1], after=self.cursor)
            assert rest == whole[len(self.seen) :]
        self.seen = whole


def _counted(frame: Frame, ended: Counter[str]) -> int:
    if frame.event == "turn.completed":
        ended[frame.json()["turn_id"]] += 1
    return ended.total()


def _decided(frames: list[Frame]) -> Counter[str]:
    payloads: list[Any] = [f.json()["payload"] for f in frames if f.event == "approval.decided"]
    return Counter(p["approval_id"] for p in payloads if p["decision"] == "allow" and not p.get("auto"))


async def one_turn(server: "Server", witness: Witness, prompt: str, *, ask: bool, kill_after: float) -> bool:
    """Run a turn and kill the server `kill_after` seconds after it was asked for; whether the turn was over by then."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(witness.watch(server, over))
        group.create_task(witness.begin(server, prompt, ask=ask))
        try:
            async with asyncio.timeout(kill_after):
                await over.wait()
        except TimeoutError:
            pass
        server.kill()
    return over.is_set()


async def test_a_killed_server_keeps_its_word(
    site: "Site", model_of: "ModelOf", request: pytest.FixtureRequest, record_property: Any
) -> None:
    trials = int(str(request.config.getoption("--trials")))
    seed = random.SystemRandom().randrange(1 << 32)
    record_property("seed", seed)
    dice = random.Random(seed)
    (site.work / "some.txt").write_text("line 1\nline 2\n")
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    port = server.port
    witnesses = [Witness(await server.thread(allow_shell=True))]
    began = time.monotonic()
    assert await one_turn(server, witnesses[-1], "trial 0", ask=True, kill_after=30)
    length = time.monotonic() - began
    server = site.serve(port)
    number = killed_inside = 0
    while killed_inside < trials:
        number += 1
        assert number < 3 * trials + 10, "hardly any turn was hit"
        if number % TURNS_OF_A_THREAD == 0:
            witnesses.append(Witness(await server.thread(allow_shell=True)))
        after = dice.uniform(0, length)
        over = await one_turn(server, witnesses[-1], f"trial {number}", ask=dice.random() < 0.5, kill_after=after)
        killed_inside += not over
        server = site.serve(port)
        await witnesses[-1].check(server)
    for at, witness in enumerate(witnesses):
        over = asyncio.Event()
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(witness.watch(server, over))
            group.create_task(witness.begin(server, f"trial of the end {at}", ask=False))
        await witness.check(server)
    assert server.terminate().code == 0
    assert await model.refused() == []
    expect_lawful(site)
    assert site.run("store", "check").code == 0


def expect_lawful(site: "Site") -> None:
    """Each thread's log is well-formed, its last turn went well, and every effect belongs to one started call, once."""
    store = SqliteStore.open(str(site.data), clock=SystemClock())
    log = store.read(None, after=0, limit=10_000_000)
    store.close()
    threads: dict[str, list[Event]] = {}
    for event in log:
        threads.setdefault(event.thread_id, []).append(event)
    assert [problem for events in threads.values() for problem in violations(events)] == []
    for events in threads.values():
        last = events[-1].decode()
        assert isinstance(last, TurnCompleted)
        assert last.turn.status == "completed", last
    expect_effects_once(log, (site.work / "effects").read_text().splitlines())


def expect_effects_once(log: list[Event], effects: list[str]) -> None:
    payloads = [event.decode() for event in log]
    started = [p.item.call for p in payloads if isinstance(p, ItemStarted) and p.item.call is not None]
    asked = Counter(
        call.arguments.partition("echo '")[2].partition("'")[0] for call in started if call.name == "exec_shell"
    )
    succeeded = {
        p.item.call.arguments.partition("echo '")[2].partition("'")[0]
        for p in payloads
        if isinstance(p, ItemCompleted) and p.item.call is not None and p.item.call.name == "exec_shell"
    }
    done = Counter(effects)
    assert set(done.values()) <= {1}
    assert set(asked.values()) <= {1}
    assert succeeded <= set(done) <= set(asked)
