"""Golden logs: a thread's events as stable lines of JSON, so that a whole turn can be compared and read.

Timestamps, durations and digests of paths go, and so do estimates of tokens, which change with every word of a prompt; paths
become names, ids are numbered by order of appearance, and adjacent deltas of one item are merged (where the coalescer cut is
not a promise).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import msgspec
from msgspec import Struct

from codewhale.domain.context import ContextPinned
from codewhale.domain.events import Event, ItemDelta
from codewhale.domain.internal_events import StepCompleted

_TIMES = frozenset({"timestamp", "created_at", "updated_at", "started_at", "ended_at", "expires_at"})
_SPANS = frozenset({"duration_ms", "pid", "supervisor_pid", "began", "supervisor_began", "mark"})
_DIGESTS = frozenset({"seal"})
_ESTIMATES = frozenset({"tokens_before", "tokens_after"})
_SHARES = re.compile(r"\d[\d,]*(?= % of the window| tokens)")
_Text = Callable[[str], str]
_ID = re.compile(r"\b(thr|turn|item|proc)_[0-9a-f]{16,}\b")


class Line(Struct, frozen=True, omit_defaults=True):
    """One event of a golden log."""

    seq: int
    event: str
    payload: object
    turn: str | None = None
    item: str | None = None


def golden(events: Iterable[Event], names: Mapping[str, str]) -> str:
    """The events as one JSON object a line. `names` replaces texts (a temporary path by `<workspace>`)."""
    numbers: dict[str, str] = {}

    def short(match: re.Match[str]) -> str:
        kind = match.group(1)
        count = sum(1 for name in numbers.values() if name.startswith(kind))
        return numbers.setdefault(match.group(0), f"{kind}_{count + 1}")

    def text(value: str) -> str:
        for old, new in names.items():
            value = value.replace(old, new)
        return _ID.sub(short, _SHARES.sub("<n>", value))

    lines: list[bytes] = []
    for number, (event, payload) in enumerate(_merged(events), 1):
        line = Line(
            seq=number,
            event=event.event,
            turn=text(event.turn_id) if event.turn_id else None,
            item=text(event.item_id) if event.item_id else None,
            payload=_clean(payload, text),
        )
        lines.append(msgspec.json.encode(line))
    return b"\n".join([*lines, b""]).decode()


def _merged(events: Iterable[Event]) -> list[tuple[Event, object]]:
    found: list[tuple[Event, object]] = []
    for event in events:
        payload: object = _outlined(event, msgspec.json.decode(event.payload))
        last = found[-1] if found else None
        if last is not None and _continues(last[0], event) and isinstance(last[1], dict) and isinstance(payload, dict):
            last[1]["delta"] += payload["delta"]
        else:
            found.append((event, payload))
    return found


def _outlined(event: Event, payload: dict[str, object]) -> object:
    """A header by the names of what is in it: its texts have golden files of their own; of the measures of a request where it
    parts from the one before."""
    if event.event == StepCompleted.WIRE and isinstance(request := payload.pop("request", None), dict):
        differs = cast("dict[str, object]", request).get("differs")
        return {**payload, "request": {"differs": differs}} if differs else payload
    if event.event != ContextPinned.WIRE:
        return payload
    pinned = msgspec.convert(payload, ContextPinned)
    return {
        "reason": pinned.reason,
        "parts": [part.name for part in pinned.parts],
        "tools": [tool.name for tool in pinned.tools],
        **({"changed": list(pinned.changed)} if pinned.changed else {}),
    }


def _continues(before: Event, event: Event) -> bool:
    return before.event == event.event == ItemDelta.WIRE and before.item_id == event.item_id


def _without_tier(entries: dict[str, object]) -> dict[str, object]:
    """What confined a program depends on the machine."""
    if "supervisor_pid" in entries:
        return {**entries, "confined_by": "<by machine>"}
    if "sandboxed" not in entries:
        return entries
    return {**entries, "sandboxed": "<by machine>", "sandbox_type": "<by machine>", "confined_by": "<by machine>"}


def _clean(value: object, text: _Text) -> object:
    if isinstance(value, dict):
        entries: dict[str, object] = value  # pyright: ignore[reportUnknownVariableType]
        entries = _without_tier(entries)
        return {
            key: 0 if key in _SPANS | _ESTIMATES else _clean(entry, text)
            for key, entry in entries.items()
            if key not in _TIMES | _DIGESTS
        }
    if isinstance(value, list):
        members: list[object] = value  # pyright: ignore[reportUnknownVariableType]
        return [_clean(entry, text) for entry in members]
    return text(value) if isinstance(value, str) else value
