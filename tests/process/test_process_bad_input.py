"""What goes wrong around the real binary: each time a clear word on stderr, the right exit code, no traceback, nothing lost."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from codewhale.store.sql import connection

if TYPE_CHECKING:
    from conftest import ModelOf, Site

SCRIPT = """
[[turn]]
when = {contains = "hi"}
[[turn.reply]]
text = "Hello."
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "I have begun."
hold = {name = "never", at = "before_headers"}
[[turn]]
when = {contains = "cut"}
[[turn.reply]]
text = "This is what comes before the cut."
faults = [{cut = "mid_text", times = 0}]
[[turn]]
when = {contains = "stall"}
[[turn.reply]]
text = "This is what comes before the silence."
hold = {name = "silence", at = "mid_text"}
"""
NO_RETRY = "[retry]\nenabled = false\n"


def clear(err: str, *words: str) -> None:
    """An error for a person: what happened and what to do, in plain lines."""
    assert "Traceback" not in err
    assert "error" in err.lower() or "failed" in err.lower() or "interrupt" in err.lower(), err
    for word in words:
        assert word in err


def configure(site: "Site", text: str | bytes) -> Path:
    site.home.mkdir(exist_ok=True)
    path = site.home / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0", "--insecure"], "Refusing to listen on 0.0.0.0 without a token"),
        (["--host", "localhost"], "'localhost' is not an IP address"),
        (["--port", "0"], "Port must be > 0"),
    ],
)
def test_an_address_that_may_not_be_served_is_a_wrong_command_line(site: "Site", words: list[str], says: str) -> None:
    done = site.run("serve", "--http", *words, env={"DEEPSEEK_RUNTIME_TOKEN": ""})
    assert done.code == 2
    clear(done.err, says)


def test_a_model_server_that_is_not_there(site: "Site") -> None:
    configure(site, NO_RETRY)
    done = site.run("exec", "hi")
    assert (done.code, done.out) == (1, "")
    clear(done.err, "127.0.0.1:9")
    (row,) = msgspec.json.decode(site.run("threads", "list", "--json").out)
    assert row["latest_turn_status"] == "failed"


def test_a_model_server_that_cuts_the_answer(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    configure(site, NO_RETRY)
    done = site.run("exec", "cut")
    assert done.code == 1
    assert done.out.startswith("This is what")
    clear(done.err)


async def test_a_model_server_that_dies_in_the_middle(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    configure(site, NO_RETRY)
    program = site.start("exec", "stall")
    await model.held("silence")
    model.program.kill()
    out, err = await asyncio.to_thread(program.communicate, None, 20)
    assert program.returncode == 1
    assert out.startswith(b"This is what")
    clear(err.decode())


@pytest.mark.parametrize(("prompt", "hold"), [("wait", "never"), ("stall", "silence")])
async def test_ctrl_c_while_the_model_is_silent(site: "Site", model_of: "ModelOf", prompt: str, hold: str) -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    program = site.start("exec", prompt)
    await model.held(hold)
    program.send_signal(signal.SIGINT)
    _, err = await asyncio.to_thread(program.communicate, None, 5)
    assert program.returncode == 130
    clear(err.decode())
    assert site.run("exec", "--continue", "hi").code == 0


def test_ctrl_c_between_two_tries(site: "Site") -> None:
    """A person who waits for the next try of a dead model server is told so, and may leave."""
    program = site.start("exec", "hi")
    assert program.stderr is not None
    assert b"again in" in program.stderr.readline()
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=5)
    assert program.returncode == 130
    clear(err.decode())


async def test_a_port_that_is_taken(site: "Site", tmp_path: Path, model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    server = site.serve()
    done = site.run("serve", "--http", "--port", str(server.port), env={"CODEWHALE_HOME": str(tmp_path / "other")})
    assert (done.code, done.out) == (1, "")
    clear(done.err, "Another codewhale server already listens", f"--port {server.port + 1}")
    assert (await server.call("GET", "/v1/threads")).status == 200


def test_a_model_port_that_is_taken(site: "Site", tmp_path: Path, model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    port = model.url.rsplit(":", 1)[1].split("/")[0]
    done = site.run("scripted-model", "--script", str(tmp_path / "script.toml"), "--port", port)
    assert (done.code, done.out) == (1, "")
    clear(done.err, port)


@pytest.fixture
def read_only_home(site: "Site", model_of: "ModelOf") -> Generator[Path]:
    """A home with one thread in it that cannot be written, not even by root."""
    site.answered_by(model_of(SCRIPT))
    site.home.mkdir()
    where = str(site.home)
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", where], capture_output=True, check=False).returncode:
        if os.geteuid() == 0:
            pytest.skip("cannot mount here, so a read-only data directory is not tested: root may write everywhere")
        site.run("exec", "hi")
        subprocess.run(["chmod", "-R", "a-w", where], check=True)
        yield site.home
        subprocess.run(["chmod", "-R", "u+w", where], check=True)
        return
    try:
        assert site.run("exec", "hi").code == 0
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
        yield site.home
    finally:
        subprocess.run(["umount", "-l", where], check=True)


@pytest.mark.parametrize(
    "words", [["exec", "hi"], ["exec", "--json", "hi"], ["serve", "--http"], ["threads", "list"], ["store", "check"]]
)
def test_a_data_directory_that_cannot_be_written(site: "Site", read_only_home: Path, words: list[str]) -> None:
    done = site.run(*words)
    assert done.code == 1
    clear(done.err, "cannot be written", "hint: ", str(read_only_home))


def test_doctor_tells_of_a_read_only_home(site: "Site", read_only_home: Path) -> None:
    done = site.run("doctor")
    assert "Traceback" not in done.err
    assert str(read_only_home) in done.out


def test_a_file_where_the_data_directory_should_be(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    site.home.write_text("I am a file.")
    for words in (["exec", "hi"], ["serve", "--http"]):
        done = site.run(*words)
        assert (done.code, done.out) == (1, ""), words
        clear(done.err, "a file is where a folder should be", str(site.home), "hint: ")
    assert site.home.read_text() == "I am a file."


def test_a_folder_where_the_log_should_be(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    (site.home / "tasks" / "runtime" / "log.sqlite3").mkdir(parents=True)
    for words in (["exec", "hi"], ["store", "check"]):
        done = site.run(*words)
        assert (done.code, done.out) == (1, ""), words
        clear(done.err, "a folder is where a file should be", "log.sqlite3", "hint: Move that folder away")


@pytest.mark.parametrize("words", [["serve", "--http"], ["threads", "list"], ["store", "check"], ["store", "rebuild"]])
def test_a_store_from_the_future(site: "Site", model_of: "ModelOf", words: list[str]) -> None:
    site.answered_by(model_of(SCRIPT))
    assert site.run("exec", "hi").code == 0
    (log,) = site.home.rglob("*.sqlite3")
    db = connection(str(log))
    db.execute("PRAGMA user_version = 9999")
    db.close()
    before = log.read_bytes()
    done = site.run(*words)
    assert (done.code, done.out) == (1, "")
    clear(done.err, "newer", "hint: ")
    assert log.read_bytes() == before


@pytest.mark.parametrize("content", [b"model = [", b"model = 'caf\xe9'", b"model = 3", b"[retry]\nmax_retries = 'no'"])
@pytest.mark.parametrize("words", [["exec", "hi"], ["serve", "--http"]])
def test_a_configuration_that_cannot_be_used(site: "Site", content: bytes, words: list[str]) -> None:
    path = configure(site, content)
    done = site.run(*words)
    assert (done.code, done.out) == (1, "")
    clear(done.err, str(path))
    assert path.read_bytes() == content


def test_a_folder_where_the_configuration_should_be(site: "Site") -> None:
    (site.home / "config.toml").mkdir(parents=True)
    done = site.run("exec", "hi")
    assert done.code == 1
    clear(done.err, str(site.home / "config.toml"))


ODD = b"hi caf\xe9 \xff"


def test_a_prompt_that_is_no_utf8_is_asked_all_the_same(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    done = site.run("exec", ODD)
    assert (done.code, done.out) == (0, "Hello.\n"), done.err
    done = site.run("exec", "--json", ODD)
    assert (done.code, msgspec.json.decode(done.out)["prompt"]) == (0, "hi caf\ufffd \ufffd"), done.err
    server = site.serve()
    done = site.run("exec", "--output-format", "stream-json", "--continue", ODD)
    assert done.code == 0, done.err
    assert server.terminate().code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["exec", "--model", b"caf\xe9", "hi"],
        ["exec", "--resume", b"caf\xe9", "hi"],
        ["exec", "--session-id", b"caf\xe9", "hi"],
        ["threads", "show", b"caf\xe9"],
        ["exec", "--provider", b"caf\xe9", "hi"],
        ["exec", "-w", b"/caf\xe9", "hi"],
        [b"caf\xe9"],
        ["exec", b"--caf\xe9"],
    ],
)
@pytest.mark.parametrize("served", [False, True])
def test_other_words_that_are_no_utf8_do_no_harm(
    site: "Site", model_of: "ModelOf", words: list[str | bytes], *, served: bool
) -> None:
    site.answered_by(model_of(SCRIPT))
    if served:
        site.serve()
    done = site.run(*words)
    assert done.code in (0, 1, 2, 75)
    assert "Traceback" not in done.err


def test_a_folder_whose_name_is_no_utf8(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    odd = os.fsencode(site.work) + b"/caf\xe9"
    os.mkdir(odd)
    done = site.run("exec", "-w", odd, "hi")
    assert (done.code, done.out) == (1, "")
    clear(done.err, "not UTF-8", "hint: ")
