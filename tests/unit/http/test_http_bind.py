"""Which addresses may be bound, and what a person is told when it does not work."""

import socket
import threading

import pytest

from codewhale.domain.errors import ConfigError
from codewhale.surfaces.http.banner import banner
from codewhale.surfaces.http.bind import is_loopback, listen
from codewhale.surfaces.http.tokens import Token

GENERATED = Token(value="dst_secret", source="generated")


def refused(host: str, port: int, token: str | None = "t") -> tuple[str, str | None]:
    with pytest.raises(ConfigError) as caught:
        listen(host, port, token)
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize("port", [0, -1])
def test_a_port_must_be_positive(port: int) -> None:
    assert refused("127.0.0.1", port)[0] == "Port must be > 0"
    assert refused("127.0.0.1", 65536)[0] == "Port 65536 does not exist"


def test_a_host_must_be_an_address() -> None:
    assert refused("localhost", 7878) == (
        "'localhost' is not an IP address",
        "Use --host 127.0.0.1 (or ::1) for this machine only",
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_the_network_needs_a_token(host: str) -> None:
    message, hint = refused(host, 7878, None)
    assert message == f"Refusing to listen on {host} without a token: anyone on the network could run commands here"
    assert hint == "Leave out --insecure, or use --host 127.0.0.1"


@pytest.mark.requirement("LH-20")
def test_a_port_in_use_names_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message, hint = refused("127.0.0.1", port)
    assert message == f"Another program already listens on 127.0.0.1:{port}"
    assert hint == f"Stop it, or choose another port, e.g. --port {port + 1}"


def test_another_server_of_ours_is_recognised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        def answer() -> None:
            connection, _ = taken.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(
                    b'HTTP/1.1 200 OK\r\n\r\n{"status":"ok","service":"deepseek-runtime-api","mode":"local"}'
                )

        thread = threading.Thread(target=answer)
        thread.start()
        message, _ = refused("127.0.0.1", port)
        thread.join(5)
    assert message == f"Another codewhale server already listens on 127.0.0.1:{port}"


def test_an_address_that_is_not_ours() -> None:
    assert refused("203.0.113.7", 7878)[0] == "This machine has no address 203.0.113.7"


def test_loopback() -> None:
    yes = ["127.0.0.1", "127.9.9.9", "::1", "[::1]"]
    no = ["0.0.0.0", "::", "127.evil", "128.0.0.1", "localhost"]
    assert [is_loopback(host) for host in yes + no] == [True] * 4 + [False] * 5


def test_the_banner_shows_a_generated_token_on_a_terminal_only() -> None:
    url, file = "http://127.0.0.1:7878", "/home/x/.deepseek/owner.json"
    on_terminal = banner(url, "127.0.0.1", GENERATED, token_file=file, terminal=True)
    assert on_terminal == [
        "Runtime API listening on http://127.0.0.1:7878",
        "Authentication: bearer token dst_secret",
        f"Local clients find address and token in {file}",
        "Reachable from this machine only.",
    ]
    assert "dst_secret" not in "".join(banner(url, "127.0.0.1", GENERATED, token_file=file, terminal=False))
    configured = Token(value="dst_secret", source="flag")
    assert "dst_secret" not in "".join(banner(url, "127.0.0.1", configured, token_file=file, terminal=True))


def test_the_banner_warns_of_exposure() -> None:
    off = banner("http://127.0.0.1:1", "127.0.0.1", Token(value=None, source="off"), token_file=None, terminal=True)
    assert off[1].startswith("Authentication is OFF")
    assert banner("http://0.0.0.0:1", "0.0.0.0", GENERATED, token_file=None, terminal=False)[-1].startswith("WARNING")
