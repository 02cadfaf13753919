"""What the sandbox costs: `/bin/true` through the starter of programs, confined by each tier here and bare, in turns."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator

from benchmarks.measure import Place, Row
from codewhale.domain.confinement import confinement
from codewhale.workspace.caged import run_caged, start_victim
from codewhale.workspace.processes import Command, Processes
from codewhale.workspace.sandbox.cages import Cages
from codewhale.workspace.sandbox.tiers import Offered
from codewhale.workspace.shared_cages import SharedCages

ROUNDS = 200
TARGETS = {"bubblewrap": "p50 <= 15 ms", "landlock": ""}
TIERS: tuple[Offered, ...] = ("bubblewrap", "landlock")
OVER = {"landlock": "median of the rounds <= 5 ms"}
P95 = "p95 <= 40 ms"


def overhead(_where: Place) -> Iterator[Row]:
    """Least, p50 and p95 of each tier over 200 rounds, beside a bare run in the same rounds."""
    yield from asyncio.run(_measured())


async def _measured() -> list[Row]:
    environ = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        workspace = os.path.realpath(folder)  # noqa: ASYNC240 - before anything is measured
        bare = Processes(environ)
        sides = {"bare": bare}
        for tier in TIERS:
            cages = Cages(run_caged, start_victim, tiers=(tier,))
            if cages.proof().tier == tier:
                held = confinement("workspace-write", workspace, environ.get("HOME"))
                sides[tier] = Processes(environ, cages=SharedCages(lambda cages=cages: cages)).confined(held)
            else:
                print(f"{tier} is not measured: {cages.proof().missing[0].reason}")
        took: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(ROUNDS):
            for side, processes in sides.items():
                took[side].append(await _once(processes, workspace))
        for processes in sides.values():
            processes.close()
    floor = sorted(took["bare"])
    rows: list[Row] = []
    for side in (side for side in sides if side != "bare"):
        times = sorted(took[side])
        for name, at, target in (("min", 0, ""), ("p50", ROUNDS // 2, TARGETS[side]), ("p95", ROUNDS * 95 // 100, P95)):
            rows.append(Row(f"a command in {side}, {name}", "ms", times[at], floor[at], target))
        over = statistics.median(ours - theirs for ours, theirs in zip(took[side], took["bare"], strict=True))
        rows.append(Row(f"a command in {side}, over bare", "ms", over, None, OVER.get(side, "")))
    return rows


async def _once(processes: Processes, workspace: str) -> float:
    begun = time.perf_counter()
    result = await processes.run(Command(argv=("/bin/true",), cwd=workspace))
    assert result.exit_code == 0
    return (time.perf_counter() - begun) * 1000
