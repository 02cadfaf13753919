"""The system call filter, run by a small interpreter of its machine: which calls get through, on both machines."""

import struct

import pytest

from codewhale.workspace.sandbox.seccomp import Sockets, filter_program

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
NUMBERS = {
    "x86_64": {"read": 0, "socket": 41, "socketpair": 53, "clone": 56, "clone3": 435, "unshare": 272, "ioctl": 16}
    | {"ptrace": 101, "mount": 165, "keyctl": 250, "io_uring": 425, "bpf": 321, "shmget": 29, "prlimit": 302},
    "aarch64": {"read": 63, "socket": 198, "socketpair": 199, "clone": 220, "clone3": 435, "unshare": 97, "ioctl": 29}
    | {"ptrace": 117, "mount": 40, "keyctl": 219, "io_uring": 425, "bpf": 280, "shmget": 194, "prlimit": 261},
}
UNIX, INET, INET6, NETLINK, PACKET, VSOCK = 1, 2, 10, 16, 17, 40
STREAM, DGRAM, RAW, CLOEXEC = 1, 2, 3, 0o2000000


def judge(program: bytes, arch: int, number: int, *args: int) -> int:
    """What the kernel's classic BPF machine would answer."""
    seen = struct.pack("<IIQ6Q", number, arch, 0, *(args + (0,) * 6)[:6])
    steps = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", seen, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            at += if_true if holds else if_false


def ask(machine: str, name: str, *args: int, sockets: Sockets = "none", namespaces: bool = True) -> int:
    program = filter_program(machine, sockets, namespaces=namespaces)
    assert program is not None
    return judge(program, ARCH[machine], NUMBERS[machine][name], *args)


machines = pytest.mark.parametrize("machine", sorted(ARCH))


@machines
def test_ordinary_calls_pass_and_dangerous_ones_do_not(machine: str) -> None:
    assert ask(machine, "read") == ALLOW
    for name in ("ptrace", "mount", "keyctl", "io_uring", "bpf"):
        assert ask(machine, name) == EPERM


@machines
def test_threads_and_processes_but_no_new_user_namespace(machine: str) -> None:
    assert ask(machine, "clone", 0x3D0F00) == ALLOW
    assert ask(machine, "clone", 0x10000000 | 17) == EPERM
    assert ask(machine, "unshare", 0x10000000) == EPERM
    assert ask(machine, "clone3") == ENOSYS


@machines
def test_no_words_put_into_a_terminal(machine: str) -> None:
    assert ask(machine, "ioctl", 0, 0x5412) == EPERM
    assert ask(machine, "ioctl", 0, 0x541C) == EPERM
    assert ask(machine, "ioctl", 0, 0x5401) == ALLOW


@machines
@pytest.mark.parametrize(
    ("sockets", "family", "kind", "protocol", "passes"),
    [
        ("none", INET, STREAM, 0, False),
        ("none", UNIX, STREAM, 0, False),
        ("inet", INET, STREAM | CLOEXEC, 6, True),
        ("inet", INET6, DGRAM, 17, True),
        ("inet", INET, STREAM, 262, False),
        ("inet", INET, STREAM, 132, False),
        ("inet", INET, DGRAM, 136, False),
        ("inet", INET, RAW, 1, False),
        ("inet", UNIX, STREAM, 0, False),
        ("inet", NETLINK, RAW, 0, False),
        ("all", UNIX, STREAM, 0, True),
        ("all", INET, STREAM, 0, True),
        ("all", PACKET, RAW, 0, False),
        ("all", VSOCK, STREAM, 0, False),
    ],
)
def test_sockets(machine: str, sockets: Sockets, family: int, kind: int, protocol: int, *, passes: bool) -> None:
    assert ask(machine, "socket", family, kind, protocol, sockets=sockets) == (ALLOW if passes else EPERM)


@machines
def test_socket_pairs_are_for_oneself(machine: str) -> None:
    assert ask(machine, "socketpair", UNIX, STREAM) == ALLOW
    assert ask(machine, "socketpair", INET, STREAM) == EPERM


@machines
def test_without_namespaces_what_reaches_others_goes(machine: str) -> None:
    assert ask(machine, "shmget") == ALLOW
    assert ask(machine, "shmget", namespaces=False) == EPERM
    assert ask(machine, "prlimit", 0, namespaces=False) == ALLOW
    assert ask(machine, "prlimit", 4711, namespaces=False) == EPERM


def test_another_machines_numbers_kill_and_x32_is_refused() -> None:
    program = filter_program("x86_64", "none", namespaces=True)
    assert program is not None
    assert judge(program, 0x40000003, 0) == KILL
    assert judge(program, ARCH["x86_64"], 0x40000000 | 41) == EPERM


def test_an_unknown_machine_has_no_filter() -> None:
    assert filter_program("riscv64", "none", namespaces=True) is None
