"""The HTTP server: ready and idle, a long stream to an SSE client, many threads at once, interrupt."""

import asyncio
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measure import CODEWHALE, HERE, PYTHON, Peak, Place, Row, get_json, interleaved, memory

DELTAS = 20_000
THREADS = 200


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(where: Place, command: list[str], environment: dict[str, str]) -> Iterator[tuple[int, int, float]]:
    """A running server: its port, its process id, seconds until it answered."""
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in command]
    started = time.monotonic()
    with open(where.root / "server", "wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=where.workspace, stdout=output, stderr=output)
    try:
        while True:
            try:
                get_json(port, "/health")
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > started + 20:
                    raise SystemExit((where.root / "server").read_text("utf-8", "replace")[-800:]) from None
                time.sleep(0.001)
        yield port, process.pid, time.monotonic() - started
    finally:
        process.terminate()
        process.wait()


def ours(where: Place, scenario: str, home: str) -> tuple[list[str], dict[str, str]]:
    """Our server, for local use: no token."""
    command = [CODEWHALE, "serve", "--http", "--port", "PORT", "--insecure"]
    return command, where.environment(where.model.base(scenario), home)


def ready(where: Place) -> Iterator[Row]:
    """Process start to the first answer, and memory after it, against an empty application."""
    rest: dict[str, float] = {}

    def once(side: str) -> float:
        floor = ([PYTHON, "-I", str(HERE / "floor_app.py"), "PORT"], where.environment(""))
        with serving(where, *(ours(where, "hello", "home") if side == "ours" else floor)) as (_, pid, took):
            time.sleep(0.2)
            rest[side] = memory(pid)
            return took * 1e3

    mine, floor = interleaved(7, lambda: once("ours"), lambda: once("floor"))
    yield Row("server ready", "ms", mine, floor, target="<= 1.3x")
    yield Row("server idle memory", "MB", rest["ours"], rest["floor"], target="<= 1.6x")


def relay(where: Place) -> Iterator[Row]:
    """A long answer from the model over HTTP, through engine and log, to an SSE client; the floor only reads it."""
    with serving(where, *ours(where, f"stream-{DELTAS}", "relay")) as (port, _, _):

        def through() -> float:
            thread = new_thread(port)
            started = time.monotonic()
            turn(port, thread)
            until_end(port, thread)
            took = time.monotonic() - started
            check(port, thread, "completed")
            return DELTAS / took

        def straight() -> float:
            connection = http.client.HTTPConnection("127.0.0.1", where.model.port)
            started = time.monotonic()
            connection.request("POST", f"/x/stream-{DELTAS}/v1/chat/completions", "{}")
            for line in connection.getresponse():
                if line.startswith(b"data: {"):
                    json.loads(line[6:])
            connection.close()
            return DELTAS / (time.monotonic() - started)

        mine, floor = interleaved(5, through, straight)
    yield Row(f"{DELTAS:,} deltas, model to SSE client", "1/s", mine, floor, ">= 20,000/s")


def turns(where: Place) -> Iterator[Row]:
    """One hello turn over HTTP; then many threads, one turn each, all at once."""
    with serving(where, *ours(where, "hello", "turns")) as (port, pid, _):

        def one() -> float:
            thread = new_thread(port)
            started = time.monotonic()
            turn(port, thread)
            until_end(port, thread)
            took = time.monotonic() - started
            check(port, thread, "completed")
            return took * 1e3

        (single,) = interleaved(15, one)
        threads = [new_thread(port) for _ in range(THREADS)]
        peak = Peak(pid)
        started = time.monotonic()
        asyncio.run(everyone(port, threads))
        took = time.monotonic() - started
        top = peak.stop()
        for thread in threads:
            check(port, thread, "completed")
    started = time.monotonic()
    asyncio.run(everyone_straight(where.model.port))
    floor = THREADS / (time.monotonic() - started)
    yield Row("hello turn, POST to turn.completed", "ms", single)
    yield Row(f"{THREADS} threads at once", "turns/s", THREADS / took, floor)
    yield Row(f"{THREADS} threads at once, peak memory", "MB", top)


def interrupt(where: Place) -> Iterator[Row]:
    """From asking a turn to stop until its terminal event, while the model is silent in mid-answer."""
    with serving(where, *ours(where, "stall", "interrupt")) as (port, _, _):

        def once() -> float:
            thread = new_thread(port)
            started_turn = turn(port, thread)
            seen = until_event(port, thread, "item.delta")
            assert seen
            started = time.monotonic()
            get_json(port, f"/v1/threads/{thread}/turns/{started_turn}/interrupt", "POST")
            until_end(port, thread)
            took = time.monotonic() - started
            check(port, thread, "interrupted")
            return took * 1e3

        (took,) = interleaved(11, once)
    yield Row("interrupt to turn.completed", "ms", took, target="<= 100 ms")


def new_thread(port: int) -> str:
    """The id of a new thread that may do anything."""
    return get_json(port, "/v1/threads", "POST", {"auto_approve": True})["id"]


def turn(port: int, thread: str) -> str:
    """The id of a turn just begun."""
    return get_json(port, f"/v1/threads/{thread}/turns", "POST", {"prompt": "do it"})["turn"]["id"]


def until_end(port: int, thread: str) -> None:
    """Follow the thread's events to the end of its turn."""
    until_event(port, thread, "turn.completed")


def check(port: int, thread: str, status: str) -> None:
    """That the thread's turn ended as it should have."""
    ended = get_json(port, f"/v1/threads/{thread}")["turns"][-1]
    if ended["status"] != status:
        raise SystemExit(f"a turn ended as {ended['status']}: {ended.get('error')}")


def until_event(port: int, thread: str, name: str) -> bool:
    """Follow the thread's events until one of this name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/v1/threads/{thread}/events?since_seq=0")
        wanted = f"event: {name}".encode()
        return any(line.rstrip() == wanted for line in connection.getresponse())
    finally:
        connection.close()


async def everyone(port: int, threads: list[str]) -> None:
    """A turn in every thread at the same moment, each followed to its end."""
    async with asyncio.TaskGroup() as group:
        for thread in threads:
            group.create_task(_one_of_many(port, thread))


async def _one_of_many(port: int, thread: str) -> None:
    body = b'{"prompt":"do it"}'
    await _exchange(port, "POST", f"/v1/threads/{thread}/turns", body, b"}")
    await _exchange(port, "GET", f"/v1/threads/{thread}/events?since_seq=0", b"", b"event: turn.completed")


async def everyone_straight(port: int) -> None:
    """The same number of requests to the model, with nothing in between."""
    async with asyncio.TaskGroup() as group:
        for _ in range(THREADS):
            group.create_task(_exchange(port, "POST", "/x/hello/v1/chat/completions", b"{}", b"[DONE]"))


async def _exchange(port: int, method: str, path: str, body: bytes, until: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    kind = "Content-Type: application/json\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    seen = b""
    while until not in seen:
        more = await reader.read(65536)
        if not more:
            raise SystemExit(f"{method} {path} ended early: {seen[-400:]!r}")
        seen = seen[-64:] + more if b"HTTP/1.1 2" in seen else seen + more
    writer.close()
