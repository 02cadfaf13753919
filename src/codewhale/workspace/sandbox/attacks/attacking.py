"""What all attacks share: the facts that they are given, and raw system calls. Standard library only."""

import ctypes
import os
from typing import Any

FACTS: dict[str, Any] = {}
_LIBC = ctypes.CDLL(None, use_errno=True)
_COLUMN = 0 if os.uname().machine == "x86_64" else 1
_NUMBERS = {
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "shmget": (29, 194),
    "unshare": (272, 97),
    "mount": (165, 40),
}


def call(name: str, *args: int | bytes) -> int:
    """A raw system call; -1 for every error."""
    given = (arg if isinstance(arg, bytes) else ctypes.c_long(arg) for arg in args)
    return _LIBC.syscall(_NUMBERS[name][_COLUMN], *given)


def put(path: str, content: str = "owned") -> bool:
    """Write a file."""
    with open(path, "w") as file:
        file.write(content)
    return True


def at(name: str, *parts: str) -> str:
    """A place of the facts."""
    return os.path.join(FACTS[name], *parts)
