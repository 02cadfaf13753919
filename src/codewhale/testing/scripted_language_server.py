"""A language server that misbehaves on request: `python scripted_server.py BEHAVIOUR [ARGUMENT]`.

In every text the word BAD is an error and the word DUBIOUS a warning. It speaks the protocol by itself, so that a mistake in
our half cannot hide in a shared one.
"""

import json
import os
import sys

BEHAVIOUR = sys.argv[1]
ARGUMENT = sys.argv[2] if len(sys.argv) > 2 else ""
texts: dict[str, tuple[int, str]] = {}


def read():
    length = 0
    while line := sys.stdin.buffer.readline():
        if line == b"\r\n":
            return json.loads(sys.stdin.buffer.read(length))
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    sys.exit(0)


def send(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Type: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


def found(text):
    words = (("BAD", 1), ("DUBIOUS", 2))
    return [
        {
            "range": {"start": {"line": number, "character": line.index(word)}, "end": {"line": number, "character": 0}},
            "severity": severity,
            "message": f"{word.lower()} <word>\x1b[31m in\nline",
            "code": "E1",
        }
        for number, line in enumerate(text.splitlines())
        for word, severity in words
        if word in line
    ]


def publish(uri, version, text):
    named = {} if BEHAVIOUR.startswith("unversioned") else {"version": version}
    send({"method": "textDocument/publishDiagnostics", "params": {"uri": uri, **named, "diagnostics": found(text)}})


def changed(uri, version, text):
    before = texts.get(uri, (version, text))
    texts[uri] = (version, text)
    log(f"{os.path.basename(uri)} {version} {text!r}")
    BEHAVIOURS.get(BEHAVIOUR, lambda *_: None)(uri, version, text, before)


def honest(uri, version, text, before):
    publish(uri, version, text)


def stale(uri, version, text, before):
    """What was found in the version before comes after the change, and the new one never."""
    publish(uri, *before)


def backwards(uri, version, text, before):
    publish(uri, version, text)
    publish(uri, *before)


def dies(uri, version, text, before):
    """With the first change, once."""
    if version == 2 and not os.path.exists(ARGUMENT):
        open(ARGUMENT, "w").close()
        sys.exit("fell over")
    publish(uri, version, text)


def always_dies(uri, version, text, before):
    if "new" in text:
        sys.exit("fell over again")
    publish(uri, version, text)


def late(uri, version, text, before):
    """Everything after the first version waits for somebody to open the pipe."""
    if version > 1:
        open(ARGUMENT).close()
    publish(uri, version, text)


def floods(uri, version, text, before):
    while True:
        publish(uri, version - 1, "BAD\n" * 1000)


def many(uri, version, text, before):
    for _ in range(2000):
        publish(uri, version - 1, "BAD\n")
    publish(uri, version, text)


def sends(content):
    def at_once(*_):
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    return at_once


BEHAVIOURS = {
    "push": honest,
    "unversioned": honest,
    "stale": stale,
    "backwards": backwards,
    "dies": dies,
    "always_dies": always_dies,
    "late": late,
    "floods": floods,
    "many": many,
    "huge": sends(b"Content-Length: 99999999999\r\n\r\n"),
    "garbage": sends(b"Content-Length: 5\r\n\r\n{{{{{"),
    "nonsense": sends(b"Hello, I am not a language server at all.\n" * 200),
}
"""What it does with each text; any other behaviour publishes nothing."""


def log(line):
    if BEHAVIOUR in {"push", "pull", "dynamic"} and ARGUMENT:
        with open(ARGUMENT, "a") as file:
            file.write(line + "\n")


def answer(message):
    method, params = message["method"], message.get("params") or {}
    match method:
        case "initialize":
            capabilities = {"textDocumentSync": {"openClose": True, "change": 1}}
            if BEHAVIOUR == "pull":
                capabilities["diagnosticProvider"] = {"interFileDependencies": True}
            return {"result": {"capabilities": capabilities}}
        case "textDocument/diagnostic":
            log("pulled")
            return {"result": {"kind": "full", "items": found(texts[params["textDocument"]["uri"]][1])}}
        case "textDocument/hover":
            return {"result": None}
        case _:
            return {"error": {"code": -32601, "message": f"no {method}"}}


while True:
    message = read()
    method = message.get("method")
    if BEHAVIOUR == "mute" or method is None:
        continue
    if "id" in message:
        send({"id": message["id"], **answer(message)})
    elif method == "initialized" and BEHAVIOUR == "dynamic":
        registration = {"id": "1", "method": "textDocument/diagnostic", "registerOptions": {}}
        send({"id": "r", "method": "client/registerCapability", "params": {"registrations": [registration]}})
        send({"id": "c", "method": "workspace/configuration", "params": {"items": [{"section": "python"}]}})
        send({"id": "u", "method": "something/else", "params": {}})
    elif method == "textDocument/didOpen":
        document = message["params"]["textDocument"]
        changed(document["uri"], document["version"], document["text"])
    elif method == "textDocument/didChange":
        params = message["params"]
        changed(params["textDocument"]["uri"], params["textDocument"]["version"], params["contentChanges"][0]["text"])
    elif method == "exit":
        sys.exit(0)
