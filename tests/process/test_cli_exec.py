"""The real `codewhale exec` against the scripted model over real HTTP: pipes, a terminal, signals, a server in between."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec
import pytest

BOUND = 30.0
CODEWHALE = str(Path(sys.executable).with_name("codewhale"))
SCRIPT = """
[[turn]]
when = {contains = "again"}
[[turn.reply]]
text = "Hello."
[[turn]]
when = {contains = "write"}
[[turn.reply]]
text = "I write it."
calls = [{id = "call_1", tool = "write_file", arguments = {path = "new.txt", content = "hi\\n"}}]
[[turn.reply]]
text = "Done."
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "never"
hold = "for ever"
[[turn]]
[[turn.reply]]
text = "Hello."
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A scripted model server of its own process; its base URL."""
    script = tmp_path_factory.mktemp("model") / "script.toml"
    script.write_text(SCRIPT)
    command = [CODEWHALE, "scripted-model", "--script", str(script), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        line = server.stdout.readline().decode()
        yield line.split()[-1]
        server.terminate()


@pytest.fixture
def start(tmp_path: Path, model: str) -> Start:
    """Starts `codewhale` in a folder and with a home of its own."""
    work = tmp_path / "work"
    work.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CODEWHALE_HOME": str(tmp_path / "home"),
        "DEEPSEEK_API_KEY": "sk-test",
        "DEEPSEEK_BASE_URL": model,
        "DEEPSEEK_MODEL": "scripted",
    }

    def begin(*words: str, stdin: int = subprocess.DEVNULL, stderr: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        command = [CODEWHALE, *words]
        return subprocess.Popen(command, cwd=work, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr)

    return begin


def finished(process: "subprocess.Popen[bytes]", given: bytes | None = None) -> tuple[int, str, str]:
    out, err = process.communicate(given, timeout=BOUND)
    return process.returncode, out.decode(), (err or b"").decode()


def until(fd: int, words: bytes) -> bytes:
    """What the terminal shows up to these words."""
    seen = b""
    deadline = time.monotonic() + BOUND
    while words not in seen:
        assert select.select([fd], [], [], deadline - time.monotonic())[0], seen
        seen += os.read(fd, 4096)
    return seen


def test_a_server_that_only_flags_name_can_be_gone_on_with(start: Start, model: str) -> None:
    where = ("--provider", "mine", "--base-url", model, "--model", "scripted")
    assert finished(start("exec", *where, "hello"))[:2] == (0, "Hello.\n")
    assert finished(start("exec", *where, "--continue", "hello again"))[:2] == (0, "Hello.\n")
    code, _, err = finished(start("exec", "--continue", "hello again"))
    assert code == 1
    assert "! there is no provider 'mine'. Known are anthropic, atlascloud, " in err
    assert "or with --base-url" in err
    code, _, err = finished(start("exec", "--continue", "--provider", "openai", "hello again"))
    assert (code, err.splitlines()) == (
        1,
        [
            "error: this thread goes on with mine, where it began, not with openai",
            "hint: leave out --provider, or begin a new thread",
        ],
    )


@contextmanager
def serving(start: Start) -> Generator[str]:
    """A `codewhale serve` beside; its address."""
    server = start("serve", "--http", "--port", str(free_port()), stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().decode().split()[-1]
        server.send_signal(signal.SIGTERM)
        assert server.wait(BOUND) == 0
    finally:
        server.kill()
        server.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def test_the_answer_is_all_that_a_pipe_gets(start: Start) -> None:
    code, out, err = finished(start("exec", "hi"))
    assert (code, out) == (0, "Hello.\n")
    assert "— thread thr_" in err


def test_piped_input_is_the_prompt_or_goes_below_it(start: Start) -> None:
    assert finished(start("exec", stdin=subprocess.PIPE), b"hi")[:2] == (0, "Hello.\n")
    assert finished(start("exec", "-", stdin=subprocess.PIPE), b"hi")[:2] == (0, "Hello.\n")
    code, out, _ = finished(start("exec", "--json", "look:", stdin=subprocess.PIPE), b"below")
    assert (code, msgspec.json.decode(out)["prompt"]) == (0, "look:\n\nbelow")


def test_a_reader_that_goes_away_is_no_error_message(start: Start) -> None:
    process = start("exec", "hi")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read().decode()
    assert process.wait(BOUND) in (0, 141)
    assert "Traceback" not in err
    process.stderr.close()


@pytest.mark.parametrize(("answer", "written"), [(b"y\n", True), (b"\n", False), (b"n\n", False)])
def test_a_person_at_a_terminal_is_asked(start: Start, tmp_path: Path, answer: bytes, *, written: bool) -> None:
    controller, terminal = pty.openpty()
    process = start("exec", "write it", stdin=terminal, stderr=terminal)
    os.close(terminal)
    shown = until(controller, b"[N]o: ")
    assert b"write_file" in shown
    assert b"+ hi" in shown
    os.write(controller, b"what?\n")
    until(controller, b"[N]o: ")
    os.write(controller, answer)
    until(controller, b"thread thr_")
    code, out, _ = finished(process)
    os.close(controller)
    assert (code, out) == (0, "I write it.\nDone.\n")
    assert (tmp_path / "work" / "new.txt").exists() is written


def test_an_approval_says_why_and_can_become_a_rule(start: Start, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    process = start("exec", "write it", stdin=terminal, stderr=terminal)
    os.close(terminal)
    shown = until(controller, b"[N]o: ")
    assert b"asked     write_file needs an approval  [tool_default]" in shown
    assert f"file      {tmp_path}/work/new.txt".encode() in shown
    os.write(controller, b"r\n")
    offered = until(controller, b"Enter for none: ")
    assert b"of 1 decisions it is about 1" in offered
    assert b"ask would have become allow: 1" in offered
    os.write(controller, b"1\n")
    until(controller, b"thread thr_")
    code, _, _ = finished(process)
    os.close(controller)
    assert code == 0
    (tmp_path / "work" / "new.txt").unlink()
    code, out, err = finished(start("exec", "write it"))
    assert (code, out) == (0, "I write it.\nDone.\n")
    assert "denied" not in err
    assert (tmp_path / "work" / "new.txt").exists()


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_turn_and_the_thread_can_go_on(start: Start, number: signal.Signals, expected: int) -> None:
    process = start("exec", "--output-format", "stream-json", "wait")
    assert process.stdout is not None
    first = msgspec.json.decode(process.stdout.readline())
    process.send_signal(number)
    code, out, err = finished(process)
    assert code == expected
    assert [msgspec.json.decode(line)["type"] for line in out.splitlines()] == ["metadata", "error", "done"]
    assert "Traceback" not in err
    assert finished(start("exec", "--resume", first["content"][:12], "again"))[:2] == (0, "Hello.\n")


def test_a_server_that_owns_the_data_is_used(start: Start, tmp_path: Path) -> None:
    alone = finished(start("exec", "--auto", "write it"))
    (tmp_path / "work" / "new.txt").unlink()
    with serving(start):
        beside = finished(start("exec", "--auto", "write it"))
        listed = finished(start("threads", "list", "--json"))
        refused = finished(start("store", "check"))
    assert beside[:2] == alone[:2] == (0, "I write it.\nDone.\n")
    assert without_ids(beside[2]) == without_ids(alone[2])
    assert len(msgspec.json.decode(listed[1])) == 2
    assert refused[0] == 1
    assert "codewhale serve" in refused[2]
    assert finished(start("store", "check"))[0] == 0


def without_ids(text: str) -> Sequence[str]:
    return [line for line in text.splitlines() if "thread thr_" not in line]


def test_a_store_from_the_future_is_refused_and_left_alone(start: Start, tmp_path: Path) -> None:
    assert finished(start("exec", "hi"))[0] == 0
    (log,) = (tmp_path / "home").rglob("*.sqlite3")
    db = apsw.Connection(str(log))
    db.pragma("user_version", 9999)  # pyright: ignore[reportUnknownMemberType]
    db.close()
    before = log.read_bytes()
    code, out, err = finished(start("exec", "hi"))
    assert (code, out) == (1, "")
    assert "newer" in err
    assert "Traceback" not in err
    assert log.read_bytes() == before
