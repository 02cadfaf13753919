"""The proxy with real clients: other processes, behind the forwarder that runs inside a sandbox."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from codewhale.domain.network import NetworkPolicy
from codewhale.testing.public_peer import dialer_to_peer
from codewhale.testing.socket_server import Received, SocketServer, Wire
from codewhale.workspace.processes import Command, Processes, ProcessResult
from codewhale.workspace.web import forward
from codewhale.workspace.web.inside import proxy_environ
from codewhale.workspace.web.proxy import Proxy, open_proxy

POLICY = NetworkPolicy(default="deny", allow=("peer.test",))
SIZE = Path(forward.__file__).stat().st_size
URLLIB = "import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1], timeout=20).read().decode())"


async def hello(request: Received, wire: Wire) -> None:
    await wire.answer(f"hello {request.target} {len(request.body)}".encode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


async def inside(
    proxy: Proxy, *command: str, options: tuple[str, ...] = (), cage: tuple[str, ...] = ()
) -> ProcessResult:
    port = free_port()
    argv = (*cage, sys.executable, "-I", forward.__file__, proxy.socket_path, str(port), *options, "--", *command)
    run = Command(argv=argv, cwd="/", timeout=30, environ=proxy_environ(port))
    processes = Processes(dict(os.environ))
    try:
        return await processes.run(run)
    finally:
        processes.close()


async def test_programs_inside_reach_what_is_allowed_and_nothing_else() -> None:
    async with (
        SocketServer(hello) as peer,
        open_proxy(dialer_to_peer("peer.test", "other.test", policy=POLICY)) as proxy,
    ):
        url = f"http://peer.test:{peer.port}/x"
        got = await inside(proxy, sys.executable, "-c", URLLIB, url)
        assert (got.exit_code, got.stdout.head) == (0, "hello /x 0")
        refused = await inside(proxy, sys.executable, "-c", URLLIB, f"http://other.test:{peer.port}/")
        assert "HTTP Error 403" in refused.stderr.text
        assert len(peer.requests) == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_posts_and_tunnels_through_it() -> None:
    async with SocketServer(hello) as peer, open_proxy(dialer_to_peer("peer.test", policy=POLICY)) as proxy:
        curl = ("curl", "-sS", "--max-time", "20")
        url = f"http://peer.test:{peer.port}/big"
        post = await inside(proxy, *curl, "--data-binary", f"@{forward.__file__}", url)
        assert post.stdout.head == f"hello /big {SIZE}"
        tunnel = await inside(proxy, *curl, "--proxytunnel", url)
        assert tunnel.stdout.head == "hello /big 0"


async def test_the_command_is_the_forwarders_own_process_and_keeps_its_exit_code() -> None:
    async with open_proxy(dialer_to_peer()) as proxy:
        waits = "import os, sys\ntry: os.wait()\nexcept ChildProcessError: sys.exit(7)"
        got = await inside(proxy, sys.executable, "-c", waits)
        assert got.exit_code == 7, "the carrier must not be a child that a program could wait for"


async def test_the_carrier_ends_with_the_command() -> None:
    async with SocketServer(hello), open_proxy(dialer_to_peer()) as proxy, asyncio.timeout(20):
        port = free_port()
        script = ("/bin/sh", "-c", "echo up; read -r line; echo done")
        argv = (sys.executable, "-I", forward.__file__, proxy.socket_path, str(port), "--", *script)
        command = await asyncio.create_subprocess_exec(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert command.stdout is not None
        assert await command.stdout.readline() == b"up\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        out, _ = await command.communicate(b"go\n")
        assert out == b"done\n"
        assert await reader.read() == b""
        writer.close()


async def test_an_unfinished_filter_runs_nothing() -> None:
    async with open_proxy(dialer_to_peer()) as proxy:
        got = await inside(proxy, "/bin/sh", "-c", "echo ran", options=("--filter", "0"))
        assert got.exit_code != 0
        assert got.stdout.head == ""


def _bwrap_works() -> bool:
    bwrap = shutil.which("bwrap")
    cage = [bwrap or "", "--ro-bind", "/", "/", "--unshare-net", "--", "/bin/true"]
    return bwrap is not None and subprocess.run(cage, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _bwrap_works(), reason="bubblewrap cannot make a network namespace here")
async def test_from_an_empty_network_namespace_only_the_proxy_can_be_reached() -> None:
    async with SocketServer(hello) as peer, open_proxy(dialer_to_peer("peer.test", policy=POLICY)) as proxy:
        cage = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-net", "--")
        got = await inside(proxy, sys.executable, "-c", URLLIB, f"http://peer.test:{peer.port}/x", cage=cage)
        assert got.stdout.head == "hello /x 0"
        direct = f"import socket; socket.create_connection(('127.0.0.1', {peer.port}), 5)"
        refused = await inside(proxy, sys.executable, "-c", direct, cage=cage)
        assert "ConnectionRefusedError" in refused.stderr.text
        named = await inside(
            proxy, sys.executable, "-c", "import socket; socket.getaddrinfo('peer.test', 80)", cage=cage
        )
        assert "gaierror" in named.stderr.text
