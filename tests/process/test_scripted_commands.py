"""`codewhale demo` and `codewhale scripted-model` as a newcomer runs them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CODEWHALE = Path(sys.executable).parent / "codewhale"


def environment(tmp_path: Path) -> dict[str, str]:
    home = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    return {"PATH": os.environ.get("PATH", ""), "CODEWHALE_HOME": str(tmp_path / "mine"), **home}


def test_the_demo_mends_its_project_and_touches_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [CODEWHALE, "demo"],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The tests pass." in done.stdout
    assert "Ran 4 tests" in done.stdout
    assert "+        if quantity >= least:" in done.stderr
    assert done.stderr.count("allowed: answered automatically") == 3
    [folder] = tmp_path.glob("codewhale-demo-*")
    subprocess.run([sys.executable, "-B", "-m", "unittest"], cwd=folder / "shop", check=True, capture_output=True)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("  its thread  ")]
    command = line.removeprefix("  its thread  ").strip()
    shown = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("thr_"), "what the demo says to type shows its thread, from any folder"
    assert list((tmp_path / "home").iterdir()) == []
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_scripted_model_says_where_it_listens_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "s.toml"
    script.write_text('[[reply]]\ntext = "hi"\n')
    command = [CODEWHALE, "scripted-model", "--script", script, "--port", "0"]
    with subprocess.Popen(
        command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("Scripted model listening on http://127.0.0.1:")
        assert line.endswith("/v1\n")
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def test_a_script_with_a_mistake_is_explained(tmp_path: Path) -> None:
    script = tmp_path / "s.toml"
    script.write_text('[[reply]]\ntxt = "hi"\n')
    done = subprocess.run(
        [CODEWHALE, "scripted-model", "--script", script],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {script}: Object contains unknown field `txt` - at `reply[0]`\n"
        "hint: docs/scripted-model.md lists every key.\n"
    )
