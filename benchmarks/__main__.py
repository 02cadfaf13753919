"""`./run bench [NAME ...]`: ours against the floor, in one run, as a table. `--list` names the benchmarks."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import api, command_line, log, prefix, prompt, redaction, sandbox, server, snapshots
from benchmarks.measure import HERE, Place, Row, noise, place

BENCHMARKS: dict[str, Callable[[Place], Iterator[Row]]] = {
    "version": command_line.version,
    "hello": command_line.hello,
    "rounds": command_line.rounds,
    "stream": command_line.stream,
    "memory": command_line.peak,
    "log": log.rates,
    "redaction": redaction.costs,
    "ready": server.ready,
    "relay": server.relay,
    "turns": server.turns,
    "interrupt": server.interrupt,
    "lists": api.lists,
    "replay": api.replay,
    "subscribers": api.subscribers,
    "first-event": api.first_event,
    "prompt": prompt.first_request,
    "prefix": prefix.hits,
    "snapshots": snapshots.large_tree,
    "sandbox": sandbox.overhead,
}


def main() -> int:
    """Run the named ones, or all; keep the numbers in benchmarks/results/."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    quiet = noise()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {quiet:.0%} of the machine busy before the start"
    )
    if quiet > 0.1:
        print("The machine is not idle: trust ratios only, and those little.")
    rows: list[Row] = []
    print(f"\n{'measure':<42}{'ours':>10}{'floor':>10}  {'unit':<8}{'ratio':>7}  target")
    with place() as where:
        for name in names:
            for row in BENCHMARKS[name](where):
                rows.append(row)
                show(row)
    keep(rows, quiet)
    return 0


def show(row: Row) -> None:
    """One line of the table."""
    floor = "" if row.floor is None else number(row.floor)
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    print(f"{row.measure:<42}{number(row.ours):>10}{floor:>10}  {row.unit:<8}{ratio:>7}  {row.target}", flush=True)


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def keep(rows: list[Row], quiet: float) -> None:
    """Append the numbers to benchmarks/results/ours.jsonl."""
    folder: Path = HERE / "results"
    folder.mkdir(exist_ok=True)
    record = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "busy_before": round(quiet, 3),
        "rows": {row.measure: {"unit": row.unit, "ours": row.ours, "floor": row.floor} for row in rows},
    }
    with (folder / "ours.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    sys.exit(main())
