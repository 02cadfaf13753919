"""Lays out what a cage must forbid, so that `probes.py` can try it: files outside, secrets, sockets, a process to attack.

Everything lies in one temporary folder and is gone after the trial. Used to prove a tier and by `codewhale sandbox probe`.
"""

import ctypes
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress

from msgspec import Struct

from codewhale.domain.confinement import PROTECTED_FILES, PROTECTED_FOLDERS, Confinement
from codewhale.workspace.sandbox.ground import covered

_SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PROBES = (
    f"import sys; sys.path[:0] = [{_SOURCE!r}]; from codewhale.workspace.sandbox.attacks.probes import main; main()"
)
_IPC_CREATE, _IPC_REMOVE = 0o1000, 0
_GIT_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"


class Trial(Struct, frozen=True, kw_only=True):
    """`facts` for the probes, the confinement that must hold against them, and the word that a daemon of theirs carries."""

    facts: dict[str, object]
    held: Confinement
    daemon_word: str


@contextmanager
def laid_out(within: str, victim: int, token: str) -> Generator[Trial]:
    """A trial below the folder `within`; `victim` is a process with `token` in its environment and its arguments."""
    with ExitStack() as stack:
        folder = os.path.realpath(tempfile.mkdtemp(prefix="trial-", dir=within))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        outer = os.path.realpath(tempfile.mkdtemp(prefix="codewhale-trial-"))
        stack.callback(shutil.rmtree, outer, ignore_errors=True)
        home, outside, workspace = (os.path.join(folder, name) for name in ("home", "outside", "workspace"))
        _files(home, outside, workspace, token)
        _put(os.path.join(outer, "witness"), token)
        ports = _sockets(stack, (f"{home}/host.sock", f"{outer}/host.sock", f"\0{token}"))
        outside_fd = os.open(outside, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, outside_fd)
        facts: dict[str, object] = {
            "home": home,
            "outside": outside,
            "workspace": workspace,
            "host_tmp": outer,
            "token": token,
            "victim": victim,
            "victim_word": token,
            "victim_address": _address(victim),
            "daemon_word": f"{token}-daemon",
            "inherited_fd": outside_fd,
            "shm_device": _device("/dev/shm"),  # noqa: S108 - looked at, not used
            "net_namespace": _link("/proc/self/ns/net"),
            "shm_key": _shared_memory(stack),
            **ports,
        }
        held = Confinement(
            policy="workspace-write",
            writable=(workspace,),
            visible=(folder, *covered((_SOURCE, sys.base_prefix))),
            protected=tuple(os.path.join(workspace, name) for name in (*PROTECTED_FOLDERS, *PROTECTED_FILES)),
            hidden=(f"{home}/.ssh", f"{home}/.aws", "/run"),
        )
        stack.callback(_forget, f"/dev/shm/{token}")  # noqa: S108 - what an attack that worked would have left
        yield Trial(facts=facts, held=held, daemon_word=f"{token}-daemon")


def new_token() -> str:
    """A word that occurs nowhere else on the machine."""
    return f"codewhale-probe-{secrets.token_hex(8)}"


def _files(home: str, outside: str, workspace: str, token: str) -> None:
    for path, content in (
        (f"{home}/.bashrc", ""),
        (f"{home}/.ssh/id_probe", token),
        (f"{home}/.aws/credentials", token),
        (f"{outside}/file", "outside\n"),
        (f"{outside}/movable", "outside\n"),
        (f"{workspace}/.git/HEAD", "ref: refs/heads/main\n"),
        (f"{workspace}/.git/config", _GIT_CONFIG),
        (f"{workspace}/.git/hooks/sample", ""),
    ):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _put(path, content)
    for name in ("objects", "refs"):
        os.makedirs(f"{workspace}/.git/{name}")


def _sockets(stack: ExitStack, unix: tuple[str, ...]) -> dict[str, object]:
    def listening(family: int, address: object, kind: int = socket.SOCK_STREAM) -> int | None:
        one = stack.enter_context(socket.socket(family, kind))
        try:
            one.bind(address)  # pyright: ignore[reportArgumentType] - an address of this family
        except OSError:
            return None
        if kind == socket.SOCK_STREAM:
            one.listen(64)
        return one.getsockname()[1] if family != getattr(socket, "AF_UNIX", None) else None

    for path in unix:
        with suppress(OSError, AttributeError):
            listening(socket.AF_UNIX, path)
    return {
        "tcp_port": listening(socket.AF_INET, ("127.0.0.1", 0)),
        "tcp6_port": listening(socket.AF_INET6, ("::1", 0)) if socket.has_ipv6 else None,
        "udp_port": listening(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM),
    }


def _shared_memory(stack: ExitStack) -> int | None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "shmget"):
        return None
    key = secrets.randbits(31)
    segment = libc.shmget(key, 4096, _IPC_CREATE | 0o600)
    if segment < 0:
        return None
    stack.callback(libc.shmctl, segment, _IPC_REMOVE, None)
    return key


def _address(victim: int) -> int:
    with suppress(OSError, ValueError), open(f"/proc/{victim}/maps", encoding="utf-8") as file:
        return int(file.readline().partition("-")[0], 16)
    return 0


def _device(path: str) -> int | None:
    with suppress(OSError):
        return os.stat(path).st_dev
    return None


def _link(path: str) -> str | None:
    with suppress(OSError):
        return os.readlink(path)
    return None


def _put(path: str, content: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def _forget(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
