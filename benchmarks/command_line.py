"""The one-shot command: start, hello, tool rounds, a long stream, memory."""

import statistics
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.measure import CODEWHALE, PYTHON, Place, Row, interleaved, run

ROUNDS = 50
DELTAS = 20_000


def version(where: Place) -> Iterator[Row]:
    """`--version`: one interpreter start and nothing else."""
    environment = where.environment("")
    ours, floor = interleaved(
        15,
        lambda: run(where, [CODEWHALE, "--version"], environment).wall * 1e3,
        lambda: run(where, [PYTHON, "-I", "-c", "print('codewhale 0')"], environment).wall * 1e3,
    )
    yield Row("--version", "ms", ours, floor)


def hello(where: Place) -> Iterator[Row]:
    """Process start to the first model request, and to the end of a run without tools."""
    first: dict[str, list[float]] = {"ours": [], "floor": []}
    sizes: dict[str, float] = {}

    def once(side: str) -> float:
        ran = run(where, *(where.ours("hello") if side == "ours" else where.floor("hello")))
        asked = where.model.log()[0]
        first[side].append((asked["asked"] - ran.started) * 1e3)
        sizes[side] = asked["bytes"] / 1024
        return ran.wall * 1e3

    ours, floor = interleaved(11, lambda: once("ours"), lambda: once("floor"))
    yield Row("start to first request", "ms", statistics.median(first["ours"]), statistics.median(first["floor"]))
    yield Row("hello run", "ms", ours, floor)
    yield Row("first request", "KB", sizes["ours"], sizes["floor"], target="<= 12 KB")


def rounds(where: Place) -> Iterator[Row]:
    """From the end of the model's answer to the next request: the tool, the log, the context."""
    for kind in ("shell", "read"):

        def once(side: str, scenario: str = f"{kind}-{ROUNDS}") -> float:
            run(where, *(where.ours(scenario) if side == "ours" else where.floor(scenario)))
            log = where.model.log()
            assert len(log) == ROUNDS + 1, f"{side} made {len(log)} requests, not {ROUNDS + 1}"
            return statistics.median((b["asked"] - a["answered"]) * 1e3 for a, b in pairwise(log))

        ours, floor = interleaved(5, lambda: once("ours"), lambda: once("floor"))
        yield Row(f"{kind} round", "ms", ours, floor)


def stream(where: Place) -> Iterator[Row]:
    """A long answer: from the request to the end of the process."""

    def once(side: str) -> float:
        scenario = f"stream-{DELTAS}"
        ran = run(where, *(where.ours(scenario) if side == "ours" else where.floor(scenario)))
        return ran.started + ran.wall - where.model.log()[0]["asked"]

    ours, floor = interleaved(5, lambda: once("ours"), lambda: once("floor"))
    yield Row(f"{DELTAS:,} deltas, exec", "s", ours, floor)


def peak(where: Place) -> Iterator[Row]:
    """Peak memory of the one-shot command."""
    for scenario, label in (("hello", "hello run"), (f"stream-{DELTAS}", f"{DELTAS:,} deltas")):

        def once(side: str, name: str = scenario) -> float:
            return run(where, *(where.ours(name) if side == "ours" else where.floor(name)), memory=True).peak_mb

        ours, floor = interleaved(3, lambda: once("ours"), lambda: once("floor"))
        yield Row(f"peak memory, {label}", "MB", ours, floor)
