"""53 attacks on every tier that this machine has, as whoever runs the tests and as a common user, cell by cell."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import codewhale

BOUND = 60.0
SOURCE = Path(codewhale.__file__).parents[1]
PACKAGES = next(path for path in sys.path if path.endswith("site-packages"))
TIERS = ("bubblewrap", "landlock")
UID = 1001
RUNS = "import os, sys, msgspec, codewhale.domain.confinement; os.execv(os.path.realpath(sys.executable), ['python', '-V'])"


def matrix(tier: str) -> dict[str, bool]:
    """What is stored: probe to whether it gets out (or works, where it must)."""
    lines = Path(__file__).with_name("sandbox_matrix.tsv").read_text().splitlines()[1:]
    names = lines[0].split("\t")
    rows = [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]
    return {row["probe"]: row[tier] != "held" for row in rows}


def probed(tier: str, *start: str) -> dict[str, bool]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": f"{SOURCE}:{PACKAGES}"}
    ran = subprocess.run(
        [*start, "-m", "codewhale", "sandbox", "probe", "--json", "--tier", tier],
        capture_output=True,
        timeout=BOUND,
        env=environ,
        cwd="/",
        check=False,
    )
    if b"does not work here" in ran.stderr:
        pytest.skip(f"NOT TRIED: {ran.stderr.decode().strip()[-300:]}")
    assert ran.stdout, ran.stderr.decode()
    cells: dict[str, bool | None] = json.loads(ran.stdout)["cells"]
    untried = sorted(name for name, worked in cells.items() if worked is None)
    assert set(untried) <= {"tcp6", "sysv_shm"}, "a probe may be left untried only where the machine has no such thing"
    stored = matrix(tier)
    return {name: stored[name] if worked is None else worked for name, worked in cells.items()}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT TRIED: these tiers are Linux")
@pytest.mark.parametrize("tier", TIERS)
def test_every_cell_holds(tier: str) -> None:
    assert probed(tier, sys.executable) == matrix(tier)


def common_user() -> list[str]:
    """A command line that runs Python as a common user; skips where there is none that could."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("NOT TRIED: only root with setpriv can become a common user")
    become = [setpriv, f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    version = f"python3.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        tried = subprocess.run(
            [*become, python, "-c", RUNS],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{SOURCE}:{PACKAGES}"},
            capture_output=True,
            timeout=BOUND,
            check=False,
        )
        if tried.returncode == 0:
            return [*become, python]
    return pytest.skip("NOT TRIED: no Python here that a common user can run")


@pytest.mark.parametrize("tier", TIERS)
def test_every_cell_holds_for_a_common_user(tier: str) -> None:
    assert probed(tier, *common_user()) == matrix(tier)
