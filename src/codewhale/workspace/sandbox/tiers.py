"""Which cage this machine offers: tried, not assumed. The first tier that stands against a handful of attacks is taken.

A probe that errs means "not available". What was proved holds for the process: a cage that fails later refuses its command,
it never makes way for a lesser one.
"""

import os
import select
import stat
import sys
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from codewhale.domain.confinement import Tier
from codewhale.domain.errors import ToolError
from codewhale.workspace.sandbox import bubblewrap, seatbelt
from codewhale.workspace.sandbox.cage import Entered, Wanted, enter
from codewhale.workspace.sandbox.scratch import Scratch
from codewhale.workspace.sandbox.trial import PROBES, Trial, laid_out, new_token

Offered = Literal["bubblewrap", "landlock", "seatbelt"]

LINUX: tuple[Offered, ...] = ("bubblewrap", "landlock")
MUST_WORK = ("write_workspace", "write_temporary", "socket_pair")
MUST_FAIL = (
    *("write_home", "truncate_outside", "symlink_out", "read_ssh", "own_environ"),
    *("tcp4", "udp_dns", "unix_home", "unix_abstract", "netlink", "io_uring", "keyctl"),
    *("kill_host", "new_user_namespace", "mount", "gain_privilege"),
)
MUST_FAIL_IN_FULL = (
    "chmod_outside",
    "list_processes",
    "git_hook",
    "git_config",
    "git_swap",
    "create_missing",
    "daemon",
)
"""What the reduced tier cannot hold."""
LEFT_OVER = ("bare_repository", "setuid_bit", "memfd_exec")
"""What no tier holds: the first needs a hardened git, the others give nothing without new privileges."""

SECONDS = 20.0
END_SECONDS = 2.0


class Ran(Struct, frozen=True, kw_only=True):
    """How a caged probe ended."""

    code: int
    stdout: bytes
    stderr: bytes


Runner = Callable[[Entered, float], Ran]
"""Starts what was entered and waits for its end, blocking; raises OSError when it cannot be started."""
Victim = Callable[[tuple[str, ...], Mapping[str, str]], "Attackable"]


class Attackable(Struct, frozen=True, kw_only=True):
    """A process that does nothing but be there."""

    pid: int
    end: Callable[[], None]


class Missing(Struct, frozen=True, kw_only=True):
    """A tier that is not available here, and why."""

    tier: Offered
    reason: str


class Proof(Struct, frozen=True, kw_only=True):
    """What was found: the tier, its binary, the attacks that were tried on it (true: it worked), and the tiers above it."""

    tier: Tier
    binary: str | None = None
    cells: dict[str, bool | None] = {}
    missing: tuple[Missing, ...] = ()


class Means(Struct, frozen=True, kw_only=True):
    """How tiers are tried: who starts programs, where bubblewrap may be, which tiers count."""

    run: Runner
    victim: Victim
    binaries: tuple[str, ...] = bubblewrap.BINARIES
    tiers: tuple[Offered, ...] = LINUX


def tiers_here() -> tuple[Offered, ...]:
    """The tiers that this system can have at all, best first."""
    if sys.platform.startswith("linux"):
        return LINUX
    return ("seatbelt",) if sys.platform == "darwin" else ()


def prove(means: Means, scratch: Scratch) -> Proof:
    """The best tier that stands. Blocks for a tenth of a second; starts programs."""
    missing: list[Missing] = []
    for tier in means.tiers:
        try:
            binary = binary_of(tier, means.binaries)
            full = () if tier == "landlock" else MUST_FAIL_IN_FULL
            cells = attack(tier, binary, means, scratch, (*MUST_WORK, *MUST_FAIL, *full))
        except (ToolError, OSError) as error:
            missing.append(Missing(tier=tier, reason=getattr(error, "message", None) or str(error)))
            continue
        wrong = [name for name, worked in cells.items() if worked is not (name in MUST_WORK) and worked is not None]
        if not wrong:
            return Proof(tier=tier, binary=binary, cells=cells, missing=tuple(missing))
        missing.append(Missing(tier=tier, reason=f"it does not hold here: {', '.join(wrong)}"))
    return Proof(tier="none", missing=tuple(missing))


def binary_of(tier: Offered, binaries: tuple[str, ...]) -> str | None:
    """The program that the tier needs, from a fixed list; OSError when there is none that can be trusted."""
    if tier == "landlock":
        return None
    for path in binaries if tier == "bubblewrap" else (seatbelt.BINARY,):
        try:
            found = os.stat(path)
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise OSError(f"{path} is not a file that only root can change")
        return path
    raise OSError(f"{'bubblewrap' if tier == 'bubblewrap' else seatbelt.BINARY} is not installed")


def attack(
    tier: Offered, binary: str | None, means: Means, scratch: Scratch, names: tuple[str, ...]
) -> dict[str, bool | None]:
    """Run these probes in the tier's cage. Raises `ToolError` or OSError when they could not be run to their end."""
    token = new_token()
    victim = means.victim(("/bin/sh", "-c", "read -r _; exit", token), {"PROBE": token, "PATH": "/usr/bin:/bin"})
    try:
        with laid_out(scratch.folder, victim.pid, token) as trial:
            cells = _attacked(tier, binary, means, scratch, trial, names)
            if "daemon" in cells:
                cells["daemon"] = _lives(trial.daemon_word)
            return cells
    finally:
        victim.end()


def _attacked(
    tier: Offered, binary: str | None, means: Means, scratch: Scratch, trial: Trial, names: tuple[str, ...]
) -> dict[str, bool | None]:
    python = os.path.realpath(sys.executable)
    wanted = Wanted(
        argv=(python, "-I", "-S", "-c", PROBES, msgspec.json.encode(trial.facts).decode(), *names),
        cwd=trial.held.writable[0],
        environ={"PATH": "/usr/bin:/bin"},
        mark={},
    )
    entered = enter(tier, trial.held, wanted, scratch, binary)
    try:
        ran = means.run(entered, SECONDS)
    finally:
        entered.started()
        left = entered.leave()
    words = ran.stderr.decode(errors="replace").strip().splitlines()
    if not left.ready:
        raise OSError(words[-1][:300] if words else "the cage was never complete")
    if ran.code != 0:
        raise OSError(f"the probes ended with {ran.code}: {words[-1][:300] if words else ''}")
    try:
        return msgspec.json.decode(ran.stdout, type=dict[str, bool | None])
    except msgspec.DecodeError as error:
        raise OSError("the probes said nothing that can be read") from error


def _lives(word: str) -> bool | None:
    """Whether a process that carries the word as its name outlives its cage; None where processes cannot be listed."""
    try:
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().split(b"\0")[0] != word.encode():
                    continue
            return not _dies(int(pid))
        except OSError:
            continue
    return False


def _dies(pid: int) -> bool:
    """Whether the process ends within the time that the end of a cage may take."""
    try:
        fd = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return not os.path.exists(f"/proc/{pid}")
    try:
        return bool(select.select([fd], [], [], END_SECONDS)[0])
    finally:
        os.close(fd)
