"""`codewhale sandbox run`: streams, exit code and signals pass through; nothing outlives it; no cage, no run."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import codewhale

BOUND = 30.0
CODEWHALE = str(Path(sys.executable).with_name("codewhale"))
ESCAPE = "import os; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); import time; time.sleep(900)"


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "ws"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def tier() -> str:
    told = subprocess.run([CODEWHALE, "sandbox", "probe", "--json"], capture_output=True, timeout=BOUND, check=False)
    found: str = json.loads(told.stdout)["tier"]
    if found == "none":
        pytest.skip("NOT TRIED: nothing on this machine confines programs")
    return found


def environ(ws: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(ws.parent / "home"), "CODEWHALE_HOME": str(ws.parent / "home")}


def run(ws: Path, *words: str, given: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    argv = [CODEWHALE, "sandbox", "run", *words]
    whole = {**environ(ws), **more}
    return subprocess.run(argv, input=given, capture_output=True, timeout=BOUND, cwd=ws, env=whole, check=False)


@pytest.mark.usefixtures("tier")
def test_streams_and_exit_code_pass_through(ws: Path) -> None:
    ran = run(ws, "--", "/bin/sh", "-c", "cat; echo complaint >&2; exit 7", given=b"said\n")
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"said\n", b"complaint\n")


@pytest.mark.usefixtures("tier")
def test_the_policy_decides_what_may_be_written(ws: Path) -> None:
    more = ws.parent / "more"
    more.mkdir()
    assert run(ws, "--", "/bin/sh", "-c", "echo x >in").returncode == 0
    assert run(ws, "--policy", "read-only", "--", "/bin/sh", "-c", "echo x >ro").returncode != 0
    assert run(ws, "--", "/bin/sh", "-c", f"echo x >{more}/file").returncode != 0
    assert run(ws, "--writable-root", str(more), "--", "/bin/sh", "-c", f"echo x >{more}/file").returncode == 0
    assert (os.listdir(ws), os.listdir(more)) == (["in"], ["file"])


def test_full_access_is_said_on_stderr(ws: Path) -> None:
    ran = run(ws, "--policy", "danger-full-access", "--", "/bin/sh", "-c", "exit 3")
    assert (ran.returncode, ran.stderr) == (3, b"codewhale: nothing of codewhale's confines this command\n")


@pytest.mark.usefixtures("tier")
def test_a_cage_that_cannot_be_set_up_is_125_and_no_run(ws: Path) -> None:
    (ws / ".vscode").symlink_to(ws)
    ran = run(ws, "--", "/bin/sh", "-c", "echo x >canary")
    assert (ran.returncode, (ws / "canary").exists()) == (125, False)
    assert b"sandbox_setup_failed" in ran.stderr


def test_what_cannot_be_understood_says_how_it_goes(ws: Path) -> None:
    ran = run(ws)
    assert (ran.returncode, ran.stderr) == (2, b"error: no command to run\nhint: codewhale sandbox run -- ls -l\n")


@pytest.mark.usefixtures("tier")
def test_a_signal_reaches_the_command_itself(ws: Path) -> None:
    script = "trap 'echo told; exit 9' TERM; echo ready; read -r _"
    argv = [CODEWHALE, "sandbox", "run", "--", "/bin/sh", "-c", script]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ws, env=environ(ws), bufsize=0
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        program.send_signal(signal.SIGTERM)
        assert program.stdout.readline() == b"told\n"
        assert program.wait(BOUND) == 9


@pytest.mark.parametrize("how", ["command ends", "runtime killed"])
def test_a_double_forked_grandchild_dies_with_its_command(ws: Path, tier: str, how: str) -> None:
    """All of them hold the pipe open: its end is the end of the last."""
    assert tier
    python = "/usr/bin/python3"
    if not os.path.exists(python):
        pytest.skip(f"NOT TRIED: no {python}")
    ending = "exit 0" if how == "command ends" else "exec sleep 900"
    script = f"env -i {python} -c '{ESCAPE}' & wait; echo born; {ending}"
    read, write = os.pipe()
    argv = [CODEWHALE, "sandbox", "run", "--", "/bin/sh", "-c", script]
    program = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=write, cwd=ws, env=environ(ws))
    os.close(write)
    try:
        assert os.read(read, 16) == b"born\n"
        if how == "runtime killed":
            program.kill()
        ready, _, _ = select.select([read], [], [], BOUND)
        assert (ready, os.read(read, 16)) == ([read], b"")
    finally:
        program.kill()
        program.wait(BOUND)
        os.close(read)


def test_without_namespaces_the_tier_is_a_lesser_one_never_a_bare_run(ws: Path) -> None:
    bwrap = shutil.which("bwrap", path="/usr/bin:/bin")
    if os.geteuid() != 0 or bwrap is None:
        pytest.skip("NOT TRIED: needs root and bubblewrap to build a place without namespaces")
    limited = (
        "echo 0 >/proc/sys/user/max_user_namespaces && "
        f"exec {CODEWHALE} sandbox run -- /bin/sh -c 'grep Seccomp: /proc/self/status; echo x >{ws.parent}/outside'"
    )
    argv = ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", limited]
    ran = subprocess.run(argv, capture_output=True, timeout=BOUND, cwd=ws, env=environ(ws), check=False)
    if b"max_user_namespaces" in ran.stderr or b"unshare" in ran.stderr:
        pytest.skip(f"NOT TRIED: {ran.stderr.decode().strip()}")
    confined = ran.stdout == b"Seccomp:\t2\n"
    refused = ran.returncode == 125 and ran.stdout == b""
    assert confined or refused
    assert not (ws.parent / "outside").exists()


@pytest.mark.usefixtures("tier")
def test_git_can_commit_and_cannot_be_made_to_run_things(ws: Path) -> None:
    git = shutil.which("git", path="/usr/bin:/bin")
    if git is None:
        pytest.skip("NOT TRIED: no git")
    subprocess.run([git, "init", "-q", str(ws)], check=True, timeout=BOUND, env=environ(ws))
    who = "-c user.name=a -c user.email=a@b"
    script = (
        f"echo x >file && git add file && git {who} commit -q -m one && git checkout -q -b side && git log --oneline"
    )
    ran = run(ws, "--", "/bin/sh", "-c", script)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    if run(ws, "--", "/bin/sh", "-c", "echo x >.git/hooks/pre-commit").returncode == 0:
        pytest.skip("NOT TRIED: the reduced tier cannot protect the insides of a writable folder")
    for attack in (
        "git config core.fsmonitor /bin/true",
        "mv .git .other",
        "rm -rf .git/hooks",
        "ln -s /tmp .git/config.lock && mv .git/config.lock .git/config",
    ):
        before = (ws / ".git" / "config").read_bytes()
        assert run(ws, "--", "/bin/sh", "-c", attack).returncode != 0, attack
        assert (ws / ".git" / "config").read_bytes() == before
        assert (ws / ".git" / "hooks").is_dir()


def test_a_checkout_below_tmp_has_the_same_tier(ws: Path, tier: str) -> None:
    """The cage has a /tmp of its own, which must not hide from it what proves it and what leads to the proxy."""
    with tempfile.TemporaryDirectory(dir="/tmp") as elsewhere:
        shutil.copytree(Path(codewhale.__file__).parent, Path(elsewhere) / "codewhale")
        program = f"import sys; sys.path[:0] = [{elsewhere!r}]; from codewhale.surfaces.cli.main import entry; entry()"

        def sandbox(*words: str) -> subprocess.CompletedProcess[bytes]:
            argv = [sys.executable, "-c", program, "sandbox", *words]
            return subprocess.run(argv, capture_output=True, timeout=BOUND, cwd=ws, env=environ(ws), check=False)

        assert json.loads(sandbox("probe", "--json").stdout)["tier"] == tier
        if tier == "bubblewrap":
            ran = sandbox("run", "--network", "--", "/bin/echo", "in")
            assert (ran.returncode, ran.stdout) == (0, b"in\n")
