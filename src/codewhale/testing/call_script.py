"""Scripts of turns that only make calls, and what the model got to read of them."""

import json
from collections.abc import Iterable, Mapping
from typing import cast

from codewhale.domain.events import Event, ItemCompleted, ItemFailed
from codewhale.domain.records import Item

Wanted = tuple[str, Mapping[str, object]]
"""A tool and its arguments."""


def calls(*wanted: Wanted) -> str:
    """A script that makes these calls, `call_1` and so on, one a step, whether the request offers the tool or not; then it
    says that it is done."""
    replies = [
        f'[[reply]]\ncalls = [{{id = "call_{number}", tool = "{tool}", force = true, arguments = {_toml(arguments)}}}]\n'
        for number, (tool, arguments) in enumerate(wanted, 1)
    ]
    return "".join([*replies, '[[reply]]\ntext = "Done."\n'])


def results(events: Iterable[Event]) -> list[Item]:
    """The finished items of the calls, in order."""
    found: list[Item] = []
    for event in events:
        payload = event.decode() if event.event in (ItemCompleted.WIRE, ItemFailed.WIRE) else None
        if isinstance(payload, ItemCompleted | ItemFailed) and payload.item.call is not None:
            found.append(payload.item)
    return found


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in cast("list[object]", value)) + "]"
    return json.dumps(value)
