"""A language server that misbehaves on request: `python scripted_language_server.py BEHAVIOUR [ARGUMENT]`.

In every text the word BAD is an error and the word DUBIOUS a warning. It speaks the protocol by itself, with the standard
library alone, so that a mistake in our half cannot hide in a shared one.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Version = tuple[int, str]
WORDS = (("BAD", 1), ("DUBIOUS", 2))


class Server:
    """One run of it. `behaviour` says what happens when a text comes; `argument` is a file that some of them need."""

    def __init__(self, behaviour: str, argument: str) -> None:
        self.behaviour = behaviour
        self.argument = argument
        self.texts: dict[str, Version] = {}

    def serve(self) -> None:
        """Read messages until there are no more."""
        for message in _messages():
            if self.behaviour != "mute" and "method" in message:
                self.hear(message)

    def hear(self, message: Json) -> None:
        """One request or notification."""
        method: str = message["method"]
        params: Json = message.get("params") or {}
        if "id" in message:
            _send({"id": message["id"], **self.answer(method, params)})
        elif method == "initialized" and self.behaviour == "dynamic":
            self.ask()
        elif method == "textDocument/didOpen":
            self.changed(params["textDocument"], params["textDocument"]["text"])
        elif method == "textDocument/didChange":
            self.changed(params["textDocument"], params["contentChanges"][0]["text"])

    def answer(self, method: str, params: Json) -> Json:
        """The result of a request, or the error."""
        if method == "initialize":
            capabilities: Json = {"textDocumentSync": {"openClose": True, "change": 1}}
            if self.behaviour == "pull":
                capabilities["diagnosticProvider"] = {"interFileDependencies": True}
            return {"result": {"capabilities": capabilities}}
        if method == "textDocument/diagnostic":
            return {"result": {"kind": "full", "items": _found(self.texts[params["textDocument"]["uri"]][1])}}
        return {"result": None} if method == "textDocument/hover" else {"error": {"code": -32601, "message": "no"}}

    def ask(self) -> None:
        """What a server may ask of its client."""
        registration: Json = {"id": "1", "method": "textDocument/diagnostic", "registerOptions": {}}
        _send({"id": "r", "method": "client/registerCapability", "params": {"registrations": [registration]}})
        _send({"id": "c", "method": "workspace/configuration", "params": {"items": [{"section": "python"}]}})
        _send({"id": "u", "method": "something/else", "params": {}})

    def changed(self, document: Json, text: str) -> None:
        """A text came."""
        uri, now = document["uri"], (document["version"], text)
        before = self.texts.get(uri, now)
        self.texts[uri] = now
        if self.argument and self.behaviour == "push":
            with open(self.argument, "a") as file:
                file.write(f"{os.path.basename(uri)} {now[0]} {text!r}\n")
        BEHAVIOURS.get(self.behaviour, _silent)(self, uri, now, before)

    def publish(self, uri: str, version: Version) -> None:
        """Tell what is found in a version of a document."""
        named = {} if self.behaviour == "unversioned" else {"version": version[0]}
        params = {"uri": uri, **named, "diagnostics": _found(version[1])}
        _send({"method": "textDocument/publishDiagnostics", "params": params})


def _silent(server: Server, uri: str, now: Version, before: Version) -> None:
    del server, uri, now, before


def _honest(server: Server, uri: str, now: Version, before: Version) -> None:
    del before
    server.publish(uri, now)


def _stale(server: Server, uri: str, now: Version, before: Version) -> None:
    """What was found in the version before comes after the change, and the new one never."""
    del now
    server.publish(uri, before)


def _backwards(server: Server, uri: str, now: Version, before: Version) -> None:
    server.publish(uri, now)
    server.publish(uri, before)


def _dies(server: Server, uri: str, now: Version, before: Version) -> None:
    """With the first change, once."""
    if now != before and not os.path.exists(server.argument):
        with open(server.argument, "w"):
            sys.exit("fell over")
    server.publish(uri, now)


def _always_dies(server: Server, uri: str, now: Version, before: Version) -> None:
    del before
    if "new" in now[1]:
        sys.exit("fell over again")
    server.publish(uri, now)


def _late(server: Server, uri: str, now: Version, before: Version) -> None:
    """Everything after the first version waits for somebody to open the pipe."""
    if now != before:
        with open(server.argument):
            pass
    server.publish(uri, now)


def _floods(server: Server, uri: str, now: Version, before: Version) -> None:
    del server, now, before
    params = {"uri": uri, "version": 0, "diagnostics": _found("BAD\n" * 1000)}
    body = json.dumps({"jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params}).encode()
    while True:
        _write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def _many(server: Server, uri: str, now: Version, before: Version) -> None:
    del before
    for _ in range(2000):
        server.publish(uri, (now[0] - 1, "BAD\n"))
    server.publish(uri, now)


def _sends(content: bytes) -> Callable[[Server, str, Version, Version], None]:
    def at_once(server: Server, uri: str, now: Version, before: Version) -> None:
        del server, uri, now, before
        _write(content)

    return at_once


BEHAVIOURS = {
    "push": _honest,
    "unversioned": _honest,
    "stale": _stale,
    "backwards": _backwards,
    "dies": _dies,
    "always_dies": _always_dies,
    "late": _late,
    "floods": _floods,
    "many": _many,
    "huge": _sends(b"Content-Length: 99999999999\r\n\r\n"),
    "garbage": _sends(b"Content-Length: 5\r\n\r\n{{{{{"),
    "nonsense": _sends(b"Hello, I am not a language server at all.\n" * 200),
}
"""What it does with each text; any other behaviour says nothing."""


def _messages() -> Iterator[Json]:
    length = 0
    while line := sys.stdin.buffer.readline():
        if line == b"\r\n":
            yield json.loads(sys.stdin.buffer.read(length))
        elif line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])


def _send(message: Json) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    _write(b"Content-Type: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def _write(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _found(text: str) -> list[Json]:
    return [
        {
            "range": {
                "start": {"line": number, "character": line.index(word)},
                "end": {"line": number, "character": 0},
            },
            "severity": severity,
            "message": f"{word.lower()} <word>\x1b[31m in\nline",
            "code": "E1",
        }
        for number, line in enumerate(text.splitlines())
        for word, severity in WORDS
        if word in line
    ]


if __name__ == "__main__":
    Server(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "").serve()
