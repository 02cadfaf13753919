"""Puts a command into the cage of its tier, and looks after it when it is over. Starts nothing itself.

Invariant: what `enter` gives back either runs confined or says on the way out that it never ran; there is no third way.
"""

import os
import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from msgspec import Struct

from codewhale.domain.confinement import Confinement, Tier, within
from codewhale.workspace.sandbox import bubblewrap, integrity, landlock, seatbelt
from codewhale.workspace.sandbox.ground import Ground, Place, covered, setup_failed, survey
from codewhale.workspace.sandbox.masks import Masks
from codewhale.workspace.sandbox.scratch import Scratch, became_ready
from codewhale.workspace.sandbox.seccomp import Sockets, filter_program
from codewhale.workspace.web.inside import FORWARDER, PORT, VARIABLES, proxy_environ

SPAWNER = f"import sys; sys.path[:0] = [{os.path.dirname(__file__)!r}]; import spawner; spawner.main()"
"""Imported, not run as a script: then its byte code is kept."""
SERVER = SPAWNER.replace("spawner.main()", "spawner.serve()")
"""The same as one process that starts many commands."""

SPAWNER_ENVIRON: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

_DROPPED = ("XDG_RUNTIME_DIR",)


class Wanted(Struct, frozen=True, kw_only=True):
    """A command as it was asked for; `mark` are the variables by which the owner knows its orphans."""

    argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    mark: Mapping[str, str]


class Left(Struct, frozen=True, kw_only=True):
    """How a stay in a cage ended: whether the cage was ever complete, what it could not keep from being changed (the first
    20 paths), and which repositories are not to be believed any more."""

    ready: bool
    changed: tuple[str, ...]
    spoiled: tuple[str, ...] = ()


class Entered(Struct, kw_only=True):
    """What to start. `started` when it was (or could not be), `leave` when its last process is gone; both exactly once.
    `holds` are for whoever looks after it when we are gone: the cage is whole as long as somebody has them. Where there are
    `orders` (one of the `fds`), giving them to the process that starts such commands does the same as starting `argv`."""

    tier: Tier
    argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    fds: tuple[int, ...] = ()
    holds: tuple[int, ...] = ()
    orders: int | None = None
    leave: Callable[[], Left]

    def started(self) -> None:
        """The descriptors have been handed over."""
        for fd in self.fds:
            os.close(fd)
        self.fds = ()


def enter(tier: Tier, held: Confinement, wanted: Wanted, scratch: Scratch, bwrap: str | None) -> Entered:
    """The command in the cage of `tier`. Raises `sandbox_setup_failed`; then nothing is held."""
    ground = survey(held)
    try:
        ready = scratch.ready_file()
    except OSError as error:
        raise setup_failed(f"No temporary folder could be made: {error.strerror}.") from error
    masks = Masks(ground.missing if tier == "bubblewrap" else ())
    fds: list[int] = []
    try:
        before = integrity.look(held.writable)
        inside = {**environment(wanted.environ, held, tier, scratch), **wanted.mark}
        stay = _Stay(held=held, wanted=wanted, ground=ground, ready=ready, masks=tuple(ground.missing), environ=inside)
        argv, environ = _STAGES[tier](stay, scratch, bwrap, fds)
    except BaseException as error:
        masks.release()
        became_ready(ready)
        for fd in fds:
            os.close(fd)
        if isinstance(error, OSError):
            raise setup_failed(f"{error.strerror or error}.") from error
        raise

    def leave() -> Left:
        complete = became_ready(ready)
        with suppress(OSError):
            os.unlink(ready)
        spoiled = masks.release()
        different = integrity.difference(before, integrity.look(held.writable)) if complete else []
        changed = tuple(dict.fromkeys((*spoiled, *different)))
        return Left(ready=complete, changed=changed[: integrity.MAX_REPORTED], spoiled=integrity.repositories(changed))

    return Entered(
        tier=tier,
        argv=argv,
        cwd=wanted.cwd,
        environ=environ,
        fds=tuple(fds),
        holds=masks.held,
        orders=fds[0] if tier == "landlock" else None,
        leave=leave,
    )


def environment(environ: Mapping[str, str], held: Confinement, tier: Tier, scratch: Scratch) -> dict[str, str]:
    """The variables inside: temporary files and caches go to the cage's own folder, no proxy but ours is known."""
    tmp = "/tmp" if tier == "bubblewrap" else scratch.tmp  # noqa: S108 - the cage's own
    dropped = {*_DROPPED, *(() if held.network == "host" else VARIABLES)}
    inside = {name: value for name, value in environ.items() if name not in dropped}
    inside.update(
        TMPDIR=tmp,
        XDG_CACHE_HOME=f"{tmp}/.cache",
        GOCACHE=f"{tmp}/.cache/go-build",
        npm_config_cache=f"{tmp}/.cache/npm",
    )
    if held.network == "proxy":
        inside.update(proxy_environ())
    return inside


def spawner(script: str) -> tuple[str, ...]:
    """The words that run a script of `spawner.py`; the number of a descriptor comes after them."""
    return (os.path.realpath(sys.executable), "-I", "-S", "-c", script)


class _Stay(Struct, frozen=True, kw_only=True):
    held: Confinement
    wanted: Wanted
    ground: Ground
    ready: str
    masks: tuple[str, ...]
    environ: Mapping[str, str]


_Stage = Callable[[_Stay, Scratch, str | None, list[int]], tuple[tuple[str, ...], Mapping[str, str]]]


def _bubblewrap(
    stay: _Stay, scratch: Scratch, bwrap: str | None, fds: list[int]
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    network = stay.held.network
    if bwrap is None or not os.access(bwrap, os.X_OK):
        raise setup_failed(f"{bwrap or 'bubblewrap'} is gone.")
    if network == "proxy" and not stay.held.proxy:
        raise setup_failed("The network was granted through a proxy that is not there.")
    sockets: Sockets = "all" if network == "host" else "inet"
    fds.append(_memory(_filter(sockets, namespaces=True)))
    forwarder: tuple[str, ...] = ()
    if network == "proxy":
        filtered = ("--filter", str(fds[0]))
        forwarder = (os.path.realpath(sys.executable), "-I", FORWARDER, bubblewrap.PROXY, str(PORT), *filtered, "--")
    fittings = bubblewrap.Fittings(
        bwrap=bwrap,
        tmp=scratch.tmp,
        empty=scratch.empty,
        ready=stay.ready,
        seccomp_fd=fds[0],
        forwarder=forwarder,
        proxy=stay.held.proxy,
        root=os.geteuid() == 0,
    )
    places = (*stay.ground.places, *_own_places(stay.ground))
    argv = bubblewrap.wrapped(stay.wanted.argv, stay.wanted.cwd, places, stay.masks, network, fittings)
    return argv, stay.environ


def _own_places(ground: Ground) -> list[Place]:
    """Where we are installed: the forwarder and programs that came with us, such as a language server, are started inside."""
    ours = covered((os.path.dirname(FORWARDER), sys.prefix, sys.base_prefix))
    return [Place(path, "read") for path in ours if not any(within(path, place.path) for place in ground.places)]


def _landlock(
    stay: _Stay, scratch: Scratch, _bwrap: str | None, fds: list[int]
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    if stay.held.network == "proxy":
        raise setup_failed(
            "The reduced sandbox cannot grant the network through the proxy; it has no network of its own."
        )
    host = stay.held.network == "host"
    stage = landlock.Stage(
        tmp=scratch.tmp,
        seccomp=_filter("all" if host else "none", namespaces=False),
        ready=stay.ready,
        network=host,
    )
    written = landlock.orders(stay.wanted.argv, stay.environ, stay.ground.places, stage)
    fds.append(_memory(written))
    return (*spawner(SPAWNER), str(fds[0])), SPAWNER_ENVIRON


def _seatbelt(
    stay: _Stay, scratch: Scratch, _bwrap: str | None, _fds: list[int]
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    if stay.held.network == "proxy":
        raise setup_failed("This sandbox cannot grant the network through the proxy yet.")
    ground = stay.ground
    text = seatbelt.profile(ground.places, ground.missing, tmp=scratch.tmp, ready=stay.ready, network=stay.held.network)
    return seatbelt.wrapped(stay.wanted.argv, text, stay.ready), stay.environ


_STAGES: dict[Tier, _Stage] = {"bubblewrap": _bubblewrap, "landlock": _landlock, "seatbelt": _seatbelt}


def _filter(sockets: Sockets, *, namespaces: bool) -> bytes:
    program = filter_program(platform.machine(), sockets, namespaces=namespaces)
    if program is None:
        raise setup_failed(f"The system calls of {platform.machine()} are not known.")
    return program


def _memory(content: bytes) -> int:
    """A descriptor to read `content` from."""
    fd = os.memfd_create("codewhale", os.MFD_CLOEXEC)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
