"""The model side of the benchmarks: a process of its own that answers at once and writes down when it was asked.

Standard library only, answers rendered before they are needed, so that what is measured is the caller. The scenario is in the
path, `/RUN/SCENARIO/v1/chat/completions`: `hello`, `stream-N` (N deltas), `shell-N` and `read-N` (N rounds with one call
each), `stall` (a few deltas, then nothing). `GET /RUN/log` lists the requests of a run, times in monotonic seconds.
"""

import asyncio
import json
import sys
import time
from functools import cache
from typing import Any, ClassVar

WORDS = ("lorem ipsum dolor sit ", "amet consectetur elit ", "sed eiusmod tempor ut ", "labore et dolore magna ")
SHELL = ("exec_shell", "bash")
READ = ("read_file", "read")
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}

Log = dict[str, list[dict[str, float]]]


def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    """One `data:` frame."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    frame = {"id": "bench", "object": "chat.completion.chunk", "created": 1, "model": "bench", "choices": [choice]}
    return b"data: " + json.dumps(frame, separators=(",", ":")).encode() + b"\n\n"


def ending(reason: str) -> bytes:
    """The frames that close an answer."""
    last = {
        "id": "bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "bench",
        "choices": [],
        "usage": USAGE,
    }
    return chunk({}, reason) + b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n"


@cache
def text(deltas: int) -> bytes:
    """An answer of so many deltas."""
    return b"".join(chunk({"content": WORDS[n % 4]}) for n in range(deltas)) + ending("stop")


def call(number: int, name: str, arguments: dict[str, str]) -> bytes:
    """An answer that asks for one tool call."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    wanted = [{"index": 0, "id": f"call_{number:05d}", "type": "function", "function": function}]
    return chunk({"role": "assistant", "tool_calls": wanted}) + ending("tool_calls")


def answer(scenario: str, body: bytes) -> bytes:
    """The answer to a request, from nothing but the scenario and what the request says."""
    kind, _, number = scenario.partition("-")
    if kind == "stream":
        return text(int(number))
    if kind in ("shell", "read"):
        done = body.count(b'"role":"tool"') + body.count(b'"role": "tool"')
        if done < int(number):
            names = SHELL if kind == "shell" else READ
            name = next(n for n in names if f'"name":"{n}"'.encode() in body.replace(b'": "', b'":"'))
            given = {"command": "echo hello"} if kind == "shell" else {"path": f"f{done % 100:03d}.txt"}
            return call(done, name, given)
    return text(3)


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other."""

    log: ClassVar[Log] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()
        self.arrived = 0.0

    def data_received(self, data: bytes) -> None:
        if not self.buffer:
            self.arrived = time.monotonic()
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = 0
        for line in bytes(self.buffer[:head]).lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(self.buffer) < head + 4 + length:
            return
        path = bytes(self.buffer[:head]).split(b" ", 2)[1].decode()
        body = bytes(self.buffer[head + 4 : head + 4 + length])
        del self.buffer[: head + 4 + length]
        self.respond(path, body)

    def respond(self, path: str, body: bytes) -> None:
        run, scenario = path.strip("/").split("/")[:2]
        if scenario == "log":
            content = json.dumps(self.log.get(run, [])).encode()
            self.send(content, "application/json")
            return
        entry = {"asked": self.arrived, "bytes": float(len(body))}
        if scenario == "stall":
            self.transport.write(self.head("text/event-stream", None))
            self.piece(b"".join(chunk({"content": word}) for word in WORDS))
        else:
            self.send(answer(scenario, body), "text/event-stream")
        entry["answered"] = time.monotonic()
        self.log.setdefault(run, []).append(entry)

    def head(self, kind: str, length: int | None) -> bytes:
        size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{size}\r\n\r\n".encode()

    def piece(self, content: bytes) -> None:
        self.transport.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def send(self, content: bytes, kind: str) -> None:
        if kind == "application/json":
            self.transport.write(self.head(kind, len(content)) + content)
            return
        self.transport.write(self.head(kind, None))
        for start in range(0, len(content), 65536):
            self.piece(content[start : start + 65536])
        self.transport.write(b"0\r\n\r\n")


async def main() -> None:
    """Serve until stopped; the port is the first line of the output."""
    text(20_000)
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
