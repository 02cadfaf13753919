"""How far each sink is, on disk: one small file per sink, replaced in one step. A sink is known by what it is and asks for, so
a changed one begins anew.
"""

import asyncio
import os
from hashlib import sha256

import msgspec

from codewhale.domain.events import Event
from codewhale.domain.hooks import Sink

SELDOM = 1000
MAX_DROPPED = 1_000_000
"""Bytes of `dropped.jsonl` from which on it begins again."""


class Places:
    """The places of all sinks of one runtime."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._known: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._told: dict[str, tuple[int, asyncio.Event]] = {}

    def get(self, sink: Sink) -> int | None:
        """The last event that the sink has; None for a sink never seen."""
        try:
            with open(self._path(sink), "rb") as file:
                return msgspec.json.decode(file.read(), type=int)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def put(self, sink: Sink, seq: int, *, delivered: bool = True) -> None:
        """The sink has everything up to `seq`. Where nothing of it was for the sink, that is written down only now and
        then: looking at the same events again costs little."""
        key = _key(sink)
        if delivered or seq - self._written.get(key, -SELDOM) >= SELDOM:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            path = self._path(sink)
            with open(f"{path}.new", "wb") as file:
                file.write(msgspec.json.encode(seq))
                file.flush()
                os.fsync(file.fileno())
            os.replace(f"{path}.new", path)
            self._written[key] = seq
        self._known[key] = seq
        at, done = self._told.get(key, (0, None))
        if done is not None and seq >= at:
            done.set()

    def tell(self, sink: Sink, seq: int, done: asyncio.Event) -> None:
        """Set `done` as soon as the sink has everything up to `seq`."""
        key = _key(sink)
        self._told[key] = (seq, done)
        if self._known.get(key, self.get(sink) or 0) >= seq:
            done.set()

    def drop(self, sink: Sink, event: Event, why: str) -> None:
        """Remember an event that the sink will not get."""
        path = os.path.join(self._folder, "dropped.jsonl")
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        grown = os.path.exists(path) and os.path.getsize(path) > MAX_DROPPED
        with open(path, "wb" if grown else "ab") as file:
            line = {"sink": sink.target or sink.kind, "seq": event.seq, "event": event.event, "reason": why}
            file.write(msgspec.json.encode(line) + b"\n")

    def _path(self, sink: Sink) -> str:
        return os.path.join(self._folder, f"{_key(sink)}.json")


def _key(sink: Sink) -> str:
    return sha256(msgspec.json.encode([sink.kind, sink.target, sink.events])).hexdigest()[:16]
