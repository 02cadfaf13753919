"""What `codewhale config` and `codewhale auth` write is what the next run uses; the key is where it belongs and nowhere else."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Site

CANARY = "sk-canary-0123456789abcdef0123456789"
CODEWHALE = str(Path(sys.executable).with_name("codewhale"))
BOUND = 30.0
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b'data: {"choices":[{"index":0,"delta":{"content":"It is ' + CANARY.encode() + b'."},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class Endpoint:
    """A model server that answers once with its own key in the text, and keeps the head of the request."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(BOUND)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.head = b""
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(BOUND)
        with connection, self._listener:
            got = b""
            while b"\r\n\r\n" not in got or b'"stream":true' not in got.replace(b" ", b""):
                got += connection.recv(65_536)
            self.head = got.partition(b"\r\n\r\n")[0]
            connection.sendall(ANSWER)

    def close(self) -> None:
        self._thread.join(BOUND)


def configured(site: "Site", *words: str, given: bytes | None = None) -> str:
    """Run it with something on standard input; all that it said."""
    env = {name: value for name, value in site.env.items() if not name.startswith("DEEPSEEK_")}
    done = subprocess.run(
        [CODEWHALE, *words], cwd=site.work, env=env, input=given or b"", capture_output=True, timeout=BOUND, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return (done.stdout + done.stderr).decode()


def test_what_is_set_is_what_runs(site: "Site") -> None:
    endpoint = Endpoint()
    said = configured(site, "config", "set", "providers.mine.base_url", endpoint.url)
    said += configured(site, "config", "set", "provider", "mine")
    said += configured(site, "config", "set", "providers.mine.model", "a-model")
    said += configured(site, "auth", "set", given=CANARY.encode() + b"\n")
    said += configured(site, "auth", "list") + configured(site, "config", "explain", "providers.mine.api_key")
    said += configured(site, "exec", "which key do you see?")
    endpoint.close()
    assert b"authorization: bearer " + CANARY.encode() in endpoint.head.lower()
    assert "It is [redacted" in said
    said += configured(site, "threads", "list") + configured(site, "doctor", "--json")
    assert CANARY not in said
    places = [path for path in site.home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert [str(path.relative_to(site.home)) for path in places] == ["secrets/secrets.json"]


def test_two_writers_lose_nothing(site: "Site") -> None:
    keys = ["max_steps", "retry.max_retries", "tasks.workers", "search.url", "proxy", "ca_file"]
    values = ["7", "2", "1", "http://localhost:1", "http://p:1", "/ca.pem"]
    env: dict[str, Any] = {"cwd": site.work, "env": site.env, "stderr": subprocess.DEVNULL}
    running = [
        subprocess.Popen([CODEWHALE, "config", "set", key, value], **env)
        for key, value in zip(keys, values, strict=True)
    ]
    assert [one.wait(BOUND) for one in running] == [0] * len(keys)
    listed = site.run("config", "list").out
    assert [value in listed for value in values] == [True] * len(keys)


def test_a_full_disk_leaves_the_old_file(site: "Site") -> None:
    site.run("config", "set", "max_steps", "7")
    file = site.home / "config.toml"
    before = file.read_bytes()
    limit = f"ulimit -f 0; trap '' {signal.SIGXFSZ.value}; exec {CODEWHALE} config set max_steps 8"
    done = subprocess.run(
        ["bash", "-c", limit], cwd=site.work, env=site.env, capture_output=True, timeout=BOUND, check=False
    )
    assert (done.returncode, file.read_bytes()) == (1, before)
    assert b"cannot be written" in done.stderr
    assert sorted(os.listdir(site.home)) == ["config.toml"]
