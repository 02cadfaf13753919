"""The system call filter of a cage, as the bytes that the kernel takes. Pure: a machine and a network in, BPF out.

It kills what comes in by another machine's numbers, refuses x32, and answers EPERM to calls by which a program reaches
other processes, the kernel's rarely used corners, or a network. `clone3` gets ENOSYS: its flags cannot be looked at, and the
C library then falls back to `clone`. The numbers are those of the kernel's tables for x86-64 and for the generic table.
"""

import struct
from functools import cache
from typing import Literal

Sockets = Literal["none", "inet", "all"]
"""`none`: only socket pairs; `inet`: TCP and UDP as well, for a network namespace of one's own; `all`: any but packet,
netlink and the like."""

_LOAD, _AND, _JEQ, _JGE, _JSET, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS = 1, 38
_NR, _ARCH, _ARGS = 0, 4, 16
_NEW_USER = 0x10000000
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_STREAM, _DATAGRAM, _TYPE_MASK = 1, 2, 0xF
_TCP, _UDP = 6, 17
_STEAL_INPUT, _LINUX_CONSOLE = 0x5412, 0x541C
_X32 = 0x40000000

_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_REFUSED: dict[str, tuple[int, int]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "setns": (308, 268),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
}
_SHARED_WITH_HOST: dict[str, tuple[int, int]] = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
}
"""Memory and queues that only an IPC namespace makes one's own."""
_ONLY_X86 = {"iopl": 172, "ioperm": 173, "modify_ldt": 154}
_CLONE, _CLONE3, _UNSHARE, _IOCTL = (56, 220), (435, 435), (272, 97), (16, 29)
_SOCKET, _SOCKETPAIR = (41, 198), (53, 199)
_PRLIMIT, _SETPRIORITY = (302, 261), (141, 140)


@cache
def filter_program(machine: str, sockets: Sockets, *, namespaces: bool) -> bytes | None:
    """The program for `machine` (as `os.uname` calls it); None where its numbers are not known, which is no cage.

    With `namespaces` false the program shares process ids and IPC with the host, and what reaches others by these goes."""
    arch = _ARCHES.get(machine)
    if arch is None:
        return None
    column = 0 if machine == "x86_64" else 1
    lines = [_step(_LOAD, _ARCH), _step(_JEQ, arch, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NR)]
    if column == 0:
        lines += [_step(_JGE, _X32, 0, 1), _refuse()]
    numbers = [pair[column] for pair in _REFUSED.values()]
    if column == 0:
        numbers += _ONLY_X86.values()
    if not namespaces:
        numbers += [pair[column] for pair in _SHARED_WITH_HOST.values()]
    for number in numbers:
        lines += [_step(_JEQ, number, 0, 1), _refuse()]
    lines += [_step(_JEQ, _CLONE3[column], 0, 1), _step(_RETURN, _ERRNO | _ENOSYS)]
    for blocks in (_CLONE, _UNSHARE):
        lines += _when(blocks[column], [_argument(0), _step(_JSET, _NEW_USER, 0, 1), _refuse()])
    lines += _when(_IOCTL[column], [_argument(1), *_refuse_each(_STEAL_INPUT, _LINUX_CONSOLE)])
    lines += _when(_SOCKETPAIR[column], [_argument(0), _step(_JEQ, _AF_UNIX, 1, 0), _refuse()])
    lines += _when(_SOCKET[column], _socket_rules(sockets))
    if not namespaces:
        lines += _when(_PRLIMIT[column], [_argument(0), _step(_JEQ, 0, 1, 0), _refuse()])
        lines += _when(_SETPRIORITY[column], [_argument(1), _step(_JEQ, 0, 1, 0), _refuse()])
    return b"".join([*lines, _step(_RETURN, _ALLOW)])


def _socket_rules(sockets: Sockets) -> list[bytes]:
    if sockets == "none":
        return [_refuse()]
    families = (_AF_INET, _AF_INET6) if sockets == "inet" else (_AF_UNIX, _AF_INET, _AF_INET6)
    return [
        *(_argument(0), *_only(*families)),
        *(_argument(1), _step(_AND, _TYPE_MASK), *_only(_STREAM, _DATAGRAM)),
        *(_argument(2), *_only(0, _TCP, _UDP)),
    ]


def _only(*values: int) -> list[bytes]:
    """Go on when the accumulator is one of `values`, else refuse."""
    last = len(values)
    return [*(_step(_JEQ, value, last - at, 0) for at, value in enumerate(values)), _refuse()]


def _refuse_each(*values: int) -> list[bytes]:
    return [line for value in values for line in (_step(_JEQ, value, 0, 1), _refuse())]


def _when(number: int, rules: list[bytes]) -> list[bytes]:
    """`rules` for one call, which is allowed when none of them refused it."""
    return [_step(_JEQ, number, 0, len(rules) + 1), *rules, _step(_RETURN, _ALLOW)]


def _refuse() -> bytes:
    return _step(_RETURN, _ERRNO | _EPERM)


def _argument(index: int) -> bytes:
    """Load the lower half of an argument; both machines are little-endian."""
    return _step(_LOAD, _ARGS + 8 * index)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
