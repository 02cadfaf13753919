"""JSON-RPC with one language server over a conversation: requests and their answers, what it asks of us, what it tells us.

Callbacks only, no task. Anything that cannot be understood, and a server that floods or does not read, is an end: the
conversation is killed, and everybody who waits is told why.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw

from codewhale.workspace.converse import Conversation
from codewhale.workspace.lsp.frames import BadFrame, Frames, framed
from codewhale.workspace.lsp.wire import Envelope, decode_envelope, encode

MAX_UNREAD = 8 * 1024 * 1024
MAX_UNASKED = 16 * 1024 * 1024
"""Bytes that a server may send between two messages of ours."""

_UNKNOWN_METHOD = -32601
_ASK_AGAIN = frozenset({-32801, -32802})
"""The content was changed meanwhile; the server gave up on the request itself."""


class PeerLost(Exception):
    """The server is gone or was ended; the message says how."""


class Refused(Exception):
    """The server answered a request with an error."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.again = code in _ASK_AGAIN


class Peer:
    """One end of the line. `told` gets notifications, `asked` answers requests (None for a method it does not know)."""

    def __init__(
        self, told: Callable[[str, Raw], None], asked: Callable[[str, Raw], object], lost: Callable[[], None]
    ) -> None:
        self._told = told
        self._asked = asked
        self._lost = lost
        self._frames = Frames()
        self._line: Conversation | None = None
        self._waiting: dict[int, asyncio.Future[Raw]] = {}
        self._next = 0
        self._unasked = 0
        self.problem: str | None = None

    def attach(self, line: Conversation) -> None:
        """The conversation that `hear` is the callback of."""
        self._line = line

    def hear(self, chunk: bytes) -> None:
        """Bytes of the server; an empty piece is its end."""
        if self.problem is not None:
            return
        if not chunk:
            self.end("it ended")
            return
        self._unasked += len(chunk)
        if self._unasked > MAX_UNASKED:
            self.end(f"it sent more than {MAX_UNASKED:,} bytes unasked")
            return
        try:
            for body in self._frames.feed(chunk):
                self._receive(body)
        except BadFrame as error:
            self.end(str(error))

    def _receive(self, body: bytes) -> None:
        try:
            message = decode_envelope(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise BadFrame("it sent something that is not JSON-RPC") from None
        if message.method is None:
            self._answered(message)
        elif message.id is None:
            self._told(message.method, message.params)
        else:
            self._answer(message.id, message.method, message.params)

    def _answered(self, message: Envelope) -> None:
        waiting = self._waiting.pop(message.id, None) if isinstance(message.id, int) else None
        if waiting is None or waiting.done():
            return
        if message.error is not None:
            waiting.set_exception(Refused(message.error.message[:200], message.error.code))
            waiting.exception()  # nobody need be waiting
        else:
            waiting.set_result(message.result)

    def _answer(self, request: int | str, method: str, params: Raw) -> None:
        answer = self._asked(method, params)
        if answer is NotImplemented:
            error = {"code": _UNKNOWN_METHOD, "message": f"{method} is not offered"}
            self._say({"jsonrpc": "2.0", "id": request, "error": error})
        else:
            self._say({"jsonrpc": "2.0", "id": request, "result": answer})

    def notify(self, method: str, params: Mapping[str, object]) -> None:
        """Tell the server something."""
        self._unasked = 0
        self._say({"jsonrpc": "2.0", "method": method, "params": params})

    def begin(self, method: str, params: Mapping[str, object] | None) -> "asyncio.Future[Raw]":
        """Ask the server; the answer will be in the future, or `PeerLost` or `Refused`."""
        self._next += 1
        waiting = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        self._unasked = 0
        self._say({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        if self.problem is not None:
            _fail(waiting, self.problem)
        return waiting

    async def request(self, method: str, params: Mapping[str, object] | None) -> Raw:
        """Ask the server and wait. Raises `PeerLost` when it goes before it answers, `Refused` when it answers with an error;
        a caller who is cancelled takes the question back."""
        waiting = self.begin(method, params)
        number = self._next
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._waiting.pop(number, None) is not None:
                self.notify("$/cancelRequest", {"id": number})
            raise

    def end(self, why: str) -> None:
        """Hang up: the program is killed, those who wait get `PeerLost`."""
        if self.problem is not None:
            return
        self.problem = why
        if self._line is not None:
            self._line.end()
        for waiting in self._waiting.values():
            _fail(waiting, why)
        self._waiting.clear()
        self._lost()

    def _say(self, message: Mapping[str, object]) -> None:
        if self.problem is not None or self._line is None:
            return
        self._line.say(framed(encode(message)))
        if self._line.unsaid > MAX_UNREAD:
            self.end("it does not read what it is sent")


def _fail(waiting: "asyncio.Future[Raw]", why: str) -> None:
    if not waiting.done():
        waiting.set_exception(PeerLost(why))
        waiting.exception()  # whoever has stopped waiting need not hear it
