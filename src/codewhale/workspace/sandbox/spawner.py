"""A program of its own, standard library only: `spawner.main()`, given FD, runs one command in Landlock and seccomp.

Three processes: this one, which the owner knows and may kill; a sub-reaper in a session of its own, which ends everything
when the command or this one ends, however; and the command. FD holds the orders (`landlock.Orders`). Whatever cannot
be set up ends with exit code 125 before the command is started.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import select
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing these would take a third of what a command costs here
    from typing import Any, NoReturn

FAILED = 125
SWEEPS = 200
PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 22, 36, 38
PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CAPSET = {"x86_64": 126, "aarch64": 91}
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL_DEV = 1, 2, 4, 8, 1 << 14, 1 << 15
OLDEST_ABI = 3

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Start the sub-reaper, wait for its word on how the command ended, and end the same way."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        orders = marshal.load(file)  # noqa: S302 - written by our owner alone, into memory that nobody else has
    alive_end, alive = os.pipe()
    word, word_end = os.pipe()
    if os.fork() == 0:
        os.close(alive)
        os.close(word)
        reaper(orders, alive_end, word_end)
    os.close(alive_end)
    os.close(word_end)
    said = os.read(word, 16)
    if not said:
        os._exit(FAILED)
    code = int(said)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    os._exit(code)


def reaper(orders: dict[str, Any], alive_end: int, word_end: int) -> NoReturn:
    """Run the command; when it or the outer process is gone kill all that is left, then say how it ended."""
    os.setsid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    command = os.fork()
    if command == 0:
        os.close(alive_end)
        os.close(word_end)
        become(orders)
    for stream in range(3):
        os.close(stream)
    ended = os.pidfd_open(command)
    ready, _, _ = select.select([alive_end, ended], [], [])
    if ended not in ready:
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    sweep()
    try:
        os.write(word_end, str(os.waitstatus_to_exitcode(status)).encode())
    except BrokenPipeError:
        os._exit(1)
    os._exit(0)


def sweep() -> None:
    """Kill and reap until nobody is left: orphans become our children, so their children do as well."""
    for _ in range(SWEEPS):
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            children = [int(pid) for pid in file.read().split()]
        if not children:
            return
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError, PermissionError):
                continue


def become(orders: dict[str, Any]) -> NoReturn:
    """Confine ourselves, look at ourselves, say that the cage is complete, and become the command."""
    try:
        ready = os.open(orders["ready"], os.O_WRONLY | os.O_CLOEXEC)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        restrict(orders)
        drop_capabilities()
        seccomp(orders["seccomp"])
        check()
        os.ftruncate(ready, 0)
    except (OSError, ValueError, KeyError) as problem:
        os.write(2, f"the sandbox is not complete: {problem}\n".encode())
        os._exit(FAILED)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    argv = orders["argv"]
    try:
        os.execvpe(argv[0], argv, orders["environ"])  # noqa: S606 - it becomes what it was asked to run
    except OSError as problem:
        os.write(2, f"{argv[0]}: {problem.strerror}\n".encode())
        os._exit(127 if isinstance(problem, FileNotFoundError) else 126)


def restrict(orders: dict[str, Any]) -> None:
    """Landlock: only the folders of the orders, no TCP, no signal and no abstract socket out of this domain."""
    abi = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if abi < OLDEST_ABI:
        raise OSError(f"Landlock {OLDEST_ABI} is needed, this kernel has {max(abi, 0)}")
    all_rights = (1 << (15 if abi < 5 else 16)) - 1
    net = 3 if abi >= 4 and not orders["network"] else 0
    scoped = 3 if abi >= 6 else 0
    attributes = struct.pack("=QQQ", all_rights, net, scoped)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    rules = checked(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0), "landlock_create_ruleset")
    for path in orders["read"]:
        allow(rules, path, EXECUTE | READ_FILE | READ_DIR)
    for path in orders["write"]:
        allow(rules, path, all_rights & ~IOCTL_DEV)
    for path in orders["devices"]:
        allow(rules, path, (READ_FILE | WRITE_FILE | READ_DIR | IOCTL_DEV) & all_rights)
    checked(libc.syscall(RESTRICT_SELF, rules, 0), "landlock_restrict_self")
    os.close(rules)


def allow(rules: int, path: str, rights: int) -> None:
    """One rule; what is no longer there needs none, and a file has no rights of folders."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        rights &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
    rule = struct.pack("=Qi", rights, fd)
    checked(libc.syscall(ADD_RULE, rules, 1, rule, 0), f"landlock_add_rule {path}")
    os.close(fd)


def drop_capabilities() -> None:
    """Nothing left in any set; as a common user there was nothing."""
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = struct.pack("=Ii", 0x20080522, 0)
    checked(libc.syscall(CAPSET[os.uname().machine], header, bytes(24)), "capset")


def seccomp(program: bytes) -> None:
    """The filter, for ever."""
    kept = ctypes.create_string_buffer(program, len(program))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(kept)))
    pointer = ctypes.c_void_p(ctypes.addressof(described))
    checked(libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0)), "seccomp")


def check() -> None:
    """What the kernel says of us, not what we believe."""
    with open("/proc/self/status", encoding="ascii") as file:
        told = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    for name, wanted in (("CapEff", "0" * 16), ("CapPrm", "0" * 16), ("NoNewPrivs", "1"), ("Seccomp", "2")):
        if told.get(name) != wanted:
            raise OSError(f"{name} is {told.get(name)}")


def prctl(option: int, value: int) -> None:
    """`prctl` that raises."""
    zero = ctypes.c_ulong(0)
    checked(libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def checked(result: int, what: str) -> int:
    """The result, or the error that the kernel gave."""
    if result < 0:
        raise OSError(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result
