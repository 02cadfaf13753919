"""A program of its own, standard library only, that puts commands into Landlock and seccomp.

`main()`, given FD, reads its orders (`landlock.Orders`) there and runs one command: this process, which the owner knows and may
kill; a sub-reaper in a session of its own, which ends everything when the command or this one ends, however; and the command.
`serve()`, given a socket, has a sub-reaper and a command-to-be ready for the next message, as children of our owner, so that
nobody waits for a start of Python. Whatever cannot be set up ends with exit code 125 before the command is started.
"""

from __future__ import annotations

import ctypes
import gc
import marshal
import os
import resource
import select
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing these would take a third of what a command costs here
    import socket
    from typing import Any, NoReturn

FAILED = 125
SWEEPS = 200
PASSED = 6
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE_PARENT = 0x8000
MACHINE = os.uname().machine
FILE_BYTES = 16 << 30
TASKS = 8192
PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 22, 36, 38
PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CAPSET = {"x86_64": 126, "aarch64": 91}
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL_DEV = 1, 2, 4, 8, 1 << 14, 1 << 15
OLDEST_ABI = 3
NO_CAPABILITY = b"0" * 16

libc = ctypes.CDLL(None, use_errno=True)
libc_held = ctypes.PyDLL(None, use_errno=True)


def main() -> None:
    """Start the sub-reaper, wait for its word on how the command ended, and end the same way."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        orders = marshal.load(file)  # noqa: S302 - written by our owner alone, into memory that nobody else has
    alive_end, alive = os.pipe()
    word, word_end = os.pipe()
    if clone() == 0:
        os.close(alive)
        os.close(word)
        try:
            os.setsid()
            os.write(word_end, str(reaped(orders, alive_end)).encode())
        finally:
            os._exit(FAILED)
    os.close(alive_end)
    os.close(word_end)
    said = os.read(word, 16)
    end_like(int(said) if said else FAILED)


def serve() -> None:
    """Keep a sub-reaper with its command-to-be ready for the next message on the socket, until our owner is gone."""
    import socket  # it would take a third of a single start  # noqa: PLC0415

    prctl(PR_SET_NO_NEW_PRIVS, 1)  # once for all that is started here
    drop_capabilities()
    gc.disable()
    gc.freeze()
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        taken, taken_end = os.pipe()
        if clone(CLONE_PARENT) == 0:
            try:
                os.close(taken)
                stand_by(control, taken_end)
            finally:
                os._exit(FAILED)
        os.close(taken_end)
        if not os.read(taken, 1):
            os._exit(0)
        os.close(taken)


def stand_by(control: socket.socket, taken_end: int) -> None:
    """Be the sub-reaper of the next command: a message brings its descriptors (orders, lifeline, folder, three streams) and is
    answered with our process id."""
    import socket  # noqa: PLC0415 - as above

    os.setsid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    near, far = socket.socketpair()
    command = clone()
    if command == 0:
        try:
            for ours in (control, near):
                ours.close()
            os.close(taken_end)
            become_next(far)
        finally:
            os._exit(FAILED)
    far.close()
    message, fds, _, _ = socket.recv_fds(control, 1, PASSED, socket.MSG_CMSG_CLOEXEC)
    if not message:
        near.close()
        os.waitpid(command, 0)
        os._exit(0)
    os.write(taken_end, message)
    os.close(taken_end)
    given, lifeline, *others = fds
    control.sendall(struct.pack("=i", os.getpid()))
    control.close()
    if not select.select([lifeline], [], [], 0)[0]:  # else our owner has given it up already
        socket.send_fds(near, [message], [given, *others])
    near.close()
    for fd in (given, *others):
        os.close(fd)
    end_like(watched(command, lifeline))


def become_next(far: socket.socket) -> None:
    """Wait for the descriptors and become what they say."""
    import socket  # noqa: PLC0415 - as above

    message, fds, _, _ = socket.recv_fds(far, 1, PASSED, socket.MSG_CMSG_CLOEXEC)
    far.close()
    if not message:
        return
    given, folder, *streams = fds
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.fchdir(folder)
    os.close(folder)
    with os.fdopen(given, "rb") as file:
        become(marshal.load(file))  # noqa: S302 - as in `main`


def clone(flags: int = 0) -> int:
    """As `fork`; with CLONE_PARENT a child of our parent, who waits for it as for any other. It saves the half of a fork that
    looks after threads; we have one, and its lock stays held."""
    zero = ctypes.c_ulong(0)
    pid: int = libc_held.syscall(CLONE[MACHINE], ctypes.c_ulong(flags | signal.SIGCHLD), zero, zero, zero, zero)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")
    return pid


def end_like(code: int) -> NoReturn:
    """End with this exit code, or by the signal that a negative one names."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def reaped(orders: dict[str, Any], lifeline: int) -> int:
    """Run the command and watch it; how it ended."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    command = clone()
    if command == 0:
        os.close(lifeline)
        become(orders)
    for stream in range(3):
        os.close(stream)
    return watched(command, lifeline)


def watched(command: int, lifeline: int) -> int:
    """Kill all that is left when the command or its owner is gone, and tell how it ended. A byte on the lifeline asks it to
    end."""
    try:
        ended = os.pidfd_open(command)
        while ended not in (ready := select.select([lifeline, ended], [], [])[0]):
            if lifeline in ready and not os.read(lifeline, 1):
                break
            ask_to_end(command)
    finally:
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    sweep()
    return os.waitstatus_to_exitcode(status)


def ask_to_end(command: int) -> None:
    """SIGTERM to the command's group, or to it alone while it has none yet."""
    try:
        os.killpg(command, signal.SIGTERM)
    except ProcessLookupError:
        os.kill(command, signal.SIGTERM)


def sweep() -> None:
    """Kill and reap until nobody is left: orphans become our children, so their children do as well."""
    for _ in range(SWEEPS):
        listing = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
        children = [int(pid) for pid in os.read(listing, 1 << 16).split()]
        os.close(listing)
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
        limit()
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


def limit() -> None:
    """No core files, and an end to what one file or a flood of processes may take; never more than was allowed before."""
    for which, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NPROC, TASKS),
    ):
        _, most = resource.getrlimit(which)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(which, (value, value))


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
    checked(libc.syscall(CAPSET[MACHINE], header, bytes(24)), "capset")


def seccomp(program: bytes) -> None:
    """The filter, for ever."""
    kept = ctypes.create_string_buffer(program, len(program))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(kept)))
    pointer = ctypes.c_void_p(ctypes.addressof(described))
    checked(libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0)), "seccomp")


def check() -> None:
    """What the kernel says of us, not what we believe."""
    status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    told = os.read(status, 8192)
    os.close(status)
    for wanted in (b"CapEff:\t" + NO_CAPABILITY, b"CapPrm:\t" + NO_CAPABILITY, b"NoNewPrivs:\t1", b"Seccomp:\t2"):
        if b"\n" + wanted + b"\n" not in told:
            raise OSError(f"the kernel does not say {wanted.decode()}")


def prctl(option: int, value: int) -> None:
    """`prctl` that raises."""
    zero = ctypes.c_ulong(0)
    checked(libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def checked(result: int, what: str) -> int:
    """The result, or the error that the kernel gave."""
    if result < 0:
        raise OSError(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result
