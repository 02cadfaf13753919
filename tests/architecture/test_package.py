"""What a user without a checkout gets: the wheel has every file that the program reads at run time, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-c", BUILD, str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=True)
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as built:
        return set(built.namelist())


def test_everything_in_the_package_is_in_the_wheel(root: Path, wheel: set[str]) -> None:
    source = root / "src"
    wanted = {p.relative_to(source).as_posix() for p in (source / "codewhale").rglob("*") if p.is_file()}
    wanted = {name for name in wanted if "__pycache__" not in name and not name.endswith(".pyc")}
    assert wanted - wheel == set()


def test_the_wheel_has_what_is_read_at_run_time(wheel: set[str]) -> None:
    assert "codewhale/py.typed" in wheel
    assert [n for n in wheel if n.startswith("codewhale/llm/profiles/") and n.endswith(".toml")]
    assert [n for n in wheel if n.startswith("codewhale/context/prompts/")]
    assert [n for n in wheel if "/sample/" in n and n.endswith(".py")]


def test_the_wheel_has_nothing_but_the_package(wheel: set[str]) -> None:
    assert {name.partition("/")[0] for name in wheel if ".dist-info/" not in name} == {"codewhale"}


def test_the_command_is_in_the_wheel(wheel: set[str]) -> None:
    assert [name for name in wheel if name.endswith(".dist-info/entry_points.txt")]
