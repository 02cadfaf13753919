"""Runs inside a sandbox, standard library only: a TCP port of its loopback that leads to the proxy's unix socket.

`python -I forward.py SOCKET PORT [--filter FD] -- COMMAND...` listens, leaves a carrier of bytes, becomes COMMAND, which
thus keeps this process's id, streams and exit code. The seccomp program read from FD holds for COMMAND alone: the carrier
still needs unix sockets. The carrier ends with COMMAND.
"""

import ctypes
import os
import selectors
import socket
import struct
import sys

PIECE = 64 * 1024
MAX_PAIRS = 128
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38


def main(arguments: list[str]) -> None:
    """Listen, leave a carrier, confine, become the command."""
    cut = arguments.index("--")
    (path, port, *options), command = arguments[:cut], arguments[cut + 1 :]
    listening = socket.create_server(("127.0.0.1", int(port)), backlog=64)
    command_pid = os.getpid()
    if (between := os.fork()) == 0:
        if (
            os.fork() == 0
        ):  # no child of the command's: a program that waits for all its children must not wait for this
            _carrier(listening, path, command_pid)
        os._exit(0)
    os.waitpid(between, 0)
    listening.close()
    if options[:1] == ["--filter"]:
        _confine(int(options[1]))
    os.execvp(command[0], command)  # noqa: S606 - it becomes what it was asked to run; nothing new is started


def _carrier(listening: socket.socket, path: str, command_pid: int) -> None:
    """Carry bytes until the command's process is gone, without holding its streams open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    try:
        carry(listening, path, os.pidfd_open(command_pid) if hasattr(os, "pidfd_open") else None)
    except ProcessLookupError:
        pass  # the command is gone already
    finally:
        os._exit(0)


def _confine(fd: int) -> None:
    """Apply a seccomp program (an array of `struct sock_filter`); without it the command does not run."""
    with os.fdopen(fd, "rb") as file:
        program = file.read()
    if not program or len(program) % 8:
        sys.exit("the seccomp program is not whole")
    kept = ctypes.create_string_buffer(program)
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(kept)))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, 2, ctypes.addressof(described))


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(pointer), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        sys.exit(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def carry(listening: socket.socket, path: str, end: int | None) -> None:
    """Copy bytes between each accepted connection and one of its own to the unix socket, until `end` can be read. One piece
    at a time is held per direction: a slow reader slows its writer."""
    loop = selectors.DefaultSelector()
    if end is not None:
        loop.register(end, selectors.EVENT_READ, end)
    listening.setblocking(False)
    loop.register(listening, selectors.EVENT_READ, None)
    while True:
        for key, events in loop.select():
            if key.data is end and end is not None:
                return
            if key.data is None:
                _accept(loop, listening, path)
            else:
                key.data.turn(loop, key.fileobj, events)


class Pair:
    """Two connected sockets, what waits to be written to each, and who has said all."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.ends = (near, far)
        self.waiting = [b"", b""]
        self.ended = [False, False]

    def turn(self, loop: selectors.BaseSelector, end: socket.socket, events: int) -> None:
        """One end can be read or written."""
        if end.fileno() < 0:
            return
        at = self.ends.index(end)
        try:
            if events & selectors.EVENT_READ and not self.waiting[1 - at] and not self.ended[at]:
                piece = end.recv(PIECE)
                self.waiting[1 - at] = piece
                self.ended[at] = not piece
                if not piece:
                    self.ends[1 - at].shutdown(socket.SHUT_WR)
            if events & selectors.EVENT_WRITE and self.waiting[at]:
                self.waiting[at] = self.waiting[at][end.send(self.waiting[at]) :]
        except BlockingIOError:
            pass
        except OSError:
            self.ended = [True, True]
        self.watch(loop)

    def watch(self, loop: selectors.BaseSelector) -> None:
        """Ask for what each end can do next; close both when nothing is left to do."""
        if all(self.ended):
            for end in self.ends:
                _forget(loop, end)
                end.close()
            return
        for at, end in enumerate(self.ends):
            wanted = selectors.EVENT_WRITE if self.waiting[at] else 0
            if not self.waiting[1 - at] and not self.ended[at]:
                wanted |= selectors.EVENT_READ
            _forget(loop, end)
            if wanted:
                loop.register(end, wanted, self)


def _forget(loop: selectors.BaseSelector, end: socket.socket) -> None:
    if end.fileno() in loop.get_map():
        loop.unregister(end)


def _accept(loop: selectors.BaseSelector, listening: socket.socket, path: str) -> None:
    try:
        near, _ = listening.accept()
    except OSError:
        return
    far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if len(loop.get_map()) > 2 * MAX_PAIRS or far.connect_ex(path) != 0:
        near.close()
        far.close()
        return
    for end in (near, far):
        end.setblocking(False)
    Pair(near, far).watch(loop)


if __name__ == "__main__":
    main(sys.argv[1:])
