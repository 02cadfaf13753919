"""The event vocabulary is closed: a new feature is a new item kind, request kind or payload field."""

import re
from pathlib import Path

from codewhale.domain.events import INTERNAL, PAYLOADS

EVENTS = [
    "thread.started",
    "thread.updated",
    "thread.forked",
    "turn.started",
    "turn.lifecycle",
    "turn.steered",
    "turn.interrupt_requested",
    "turn.completed",
    "item.started",
    "item.delta",
    "item.completed",
    "item.failed",
    "item.interrupted",
    "call.decided",
    "approval.required",
    "approval.decided",
    "approval.timeout",
    "user_input.required",
    "user_input.answered",
    "user_input.canceled",
    "tool_call.requested",
    "tool_call.resolved",
    "tool_call.canceled",
    "tool_call.timeout",
    "sandbox.denied",
    "coherence.state",
    "step.completed",
    "task.updated",
    "automation.updated",
    "occurrence.updated",
    "context.pinned",
    "context.told",
    "snapshot.taken",
    "budget.reserved",
    "route.chosen",
    "process.started",
    "process.ended",
    "process.told",
]


def test_the_events_are_the_documented_ones() -> None:
    assert list(PAYLOADS) == EVENTS


def test_few_are_kept_from_the_published_stream() -> None:
    processes = {"process.started", "process.ended", "process.told"}
    ours = {
        "call.decided",
        "step.completed",
        "task.updated",
        "automation.updated",
        "occurrence.updated",
        "snapshot.taken",
    } | {"context.pinned", "context.told", "budget.reserved", "route.chosen"}
    assert ours | processes == INTERNAL


def test_a_payload_is_named_after_its_event() -> None:
    wrong = {
        event: payload.__name__
        for event, payload in PAYLOADS.items()
        if re.sub(r"[^a-z]", "", event) != payload.__name__.lower() and event != "coherence.state"
    }
    assert wrong == {}


def test_the_reference_lists_them_all(root: Path) -> None:
    text = (root / "docs/reference/events.md").read_text("utf-8")
    assert re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE) == EVENTS
