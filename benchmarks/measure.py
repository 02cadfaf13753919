"""Running processes and comparing: interleaved repeats, medians, ratios, and how noisy the machine was meanwhile."""

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
CODEWHALE = str(Path(sys.executable).with_name("codewhale"))


class Row(NamedTuple):
    """One line of the table. `floor` is None where only a target makes sense."""

    measure: str
    unit: str
    ours: float
    floor: float | None = None
    target: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.floor if self.floor else None


class Ran(NamedTuple):
    """A finished process: when it started, how long it took, its processor time and exit code."""

    started: float
    wall: float
    cpu: float
    code: int
    peak_mb: float


class Model:
    """The model process. `base(scenario)` starts a run; `log()` tells what was asked in it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([PYTHON, "-I", str(HERE / "model.py")], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.run = 0

    def base(self, scenario: str) -> str:
        self.run += 1
        return f"http://127.0.0.1:{self.port}/r{self.run}/{scenario}/v1"

    def log(self) -> list[dict[str, float]]:
        return get_json(self.port, f"/r{self.run}/log")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Place(NamedTuple):
    """Where a run happens: a workspace of a hundred small files, and homes beside it."""

    root: Path
    model: Model

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    def environment(self, base: str, home: str = "home") -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "CODEWHALE_HOME": str(self.root / home),
            "DEEPSEEK_API_KEY": "sk-bench",
            "DEEPSEEK_BASE_URL": base,
            "DEEPSEEK_MODEL": "bench",
        }

    def ours(self, scenario: str) -> tuple[list[str], dict[str, str]]:
        """The real command, everything allowed."""
        return [CODEWHALE, "exec", "--auto", "--yolo", "do it"], self.environment(self.model.base(scenario))

    def floor(self, scenario: str) -> tuple[list[str], dict[str, str]]:
        base = self.model.base(scenario)
        return [PYTHON, "-I", str(HERE / "floor_agent.py"), base, "do it"], self.environment(base)


@contextmanager
def place() -> Iterator[Place]:
    """A place that is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="codewhale-bench-"))
    workspace = root / "workspace"
    workspace.mkdir()
    for number in range(100):
        (workspace / f"f{number:03d}.txt").write_text(f"file {number}\nhello\n", "utf-8")
    model = Model()
    try:
        yield Place(root, model)
    finally:
        model.close()
        shutil.rmtree(root, ignore_errors=True)


def run(where: Place, command: list[str], environment: dict[str, str], *, memory: bool = False) -> Ran:
    """Run to the end. Peak memory is asked for apart, since watching costs time."""
    started = time.monotonic()
    with open(where.root / "output", "wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=where.workspace, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        peak = Peak(process.pid) if memory else None
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = (where.root / "output").read_text("utf-8", "replace")[-800:]
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    return Ran(started, wall, usage.ru_utime + usage.ru_stime, process.returncode, peak.stop() if peak else 0.0)


class Peak(threading.Thread):
    """Peak memory of one process in MB, by asking every 2 ms (what `wait4` says includes its parent's pages)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.done = pid, 0.0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.done.wait(0.002):
            self.peak = max(self.peak, memory(self.pid, "VmHWM"))

    def stop(self) -> float:
        self.done.set()
        self.join()
        return self.peak


def memory(pid: int, field: str = "VmRSS") -> float:
    """Memory of a process in MB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(field)), 0.0)


def interleaved(repeats: int, *sides: Callable[[], float]) -> list[float]:
    """The median of each side, taken in turns after one warm-up each, so that a noisy minute hits all alike."""
    for side in sides:
        side()
    taken = [[side() for side in sides] for _ in range(repeats)]
    return [statistics.median(values) for values in zip(*taken, strict=True)]


def get_json(port: int, path: str, method: str = "GET", body: Any = None) -> Any:
    """One request, its JSON answer; an answer that is no success ends the benchmark."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
        response = connection.getresponse()
        text = response.read()
        if response.status >= 400:
            raise SystemExit(f"{method} {path}: {response.status} {text[:400]!r}")
        return json.loads(text)
    finally:
        connection.close()


def busy() -> tuple[int, int]:
    """Processor ticks of the machine so far: busy, all."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = [int(word) for word in stat.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def noise(seconds: float = 1.0) -> float:
    """The share of the machine that others use now."""
    before = busy()
    time.sleep(seconds)
    after = busy()
    return (after[0] - before[0]) / max(1, after[1] - before[1])
