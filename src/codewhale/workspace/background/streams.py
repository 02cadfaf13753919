"""The two streams of a supervised command: what it says, kept on disk, and what it is told. Standard library only."""

import fcntl
import os
import struct
import termios

SEGMENT = 1024 * 1024
SEGMENTS_KEPT = 7
PIECE = 4096
END_OF_INPUT = b"\x04"
"""What a terminal takes for it."""


class Ring:
    """The output on disk: files named after the offset of their first byte; the first and the last few are kept."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.length = 0
        self.kept: list[str] = []
        self.fd = -1
        self.room = 0

    def write(self, chunk: bytes) -> None:
        """Keep a piece. A disk that takes nothing costs output, never the command."""
        view = memoryview(chunk)
        while view:
            try:
                if self.room == 0:
                    self.turn()
                written = os.write(self.fd, view[: self.room])
            except OSError:
                self.room = 0
                self.length += len(view)
                return
            self.room -= written
            self.length += written
            view = view[written:]

    def turn(self) -> None:
        """Begin the next file, and let the oldest but the first go."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        name = os.path.join(self.folder, f"{self.length:020d}")
        self.fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.room = SEGMENT
        self.kept.append(name)
        while len(self.kept) > SEGMENTS_KEPT + 1:
            os.unlink(self.kept.pop(1))


class Input:
    """Text for the command, given as fast as it is read. `fd` is a pipe, or a terminal that output comes from as well."""

    def __init__(self, fd: int, *, tty: bool, text: bytes) -> None:
        self.fd = fd
        self.tty = tty
        self.waiting = bytearray(text)
        self.closing = False
        self.open = True

    def write(self) -> bool:
        """Give what is taken now; whether it waits for room."""
        try:
            while self.waiting and self.open:
                del self.waiting[: os.write(self.fd, self.waiting[:PIECE])]
            if self.closing and self.open:
                self.close()
        except BlockingIOError:
            return True
        except OSError:  # it has closed its input, which is its right
            self.close()
        return False

    def close(self) -> None:
        """No more: a pipe is closed, a terminal is told so once."""
        self.closing = False
        self.waiting.clear()
        if self.tty:
            try:
                os.write(self.fd, END_OF_INPUT)
            except OSError:
                return
        elif self.open:
            self.open = False
            os.close(self.fd)


def fifo(folder: str, name: str) -> int:
    """A named pipe of the folder, open at both ends so that it never ends while we live."""
    path = os.path.join(folder, name)
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def pipes() -> tuple[tuple[int, int], int, int]:
    """The command's input and output, then where its output is read and its input written."""
    stdin, write_end = os.pipe()
    read_end, stdout = os.pipe()
    return (stdin, stdout), read_end, write_end


def terminal(size: tuple[int, int]) -> tuple[tuple[int, int], int, int]:
    """As `pipes`, of a terminal of this size: both sides of it are one."""
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    return (slave, slave), master, master
