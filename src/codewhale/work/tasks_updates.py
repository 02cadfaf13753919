"""What tools tell a task in the `metadata.task_updates` of their results: checklist, gate, attempt, artifacts, GitHub event.

Pure. Whatever a tool says, it never breaks the record: an update of another shape is reported and left out.
"""

from collections.abc import Iterator
from typing import TypeVar, cast

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from codewhale.domain.records import Item
from codewhale.domain.task_record import Attempt, Checklist, Gate, GithubEvent, TaskArtifact, TimelineKind

T = TypeVar("T", bound=Struct)


class Updates(Struct, kw_only=True):
    """All updates so far: the latest checklist, everything else in order."""

    checklist: Checklist = Checklist()
    gates: list[Gate] = field(default_factory=list[Gate])
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    artifacts: list[TaskArtifact] = field(default_factory=list[TaskArtifact])
    github_events: list[GithubEvent] = field(default_factory=list[GithubEvent])


def take_updates(updates: Updates, item: Item) -> Iterator[tuple[TimelineKind, str]]:
    """Take the item's updates in; a timeline entry (kind and text) for each."""
    given = (item.metadata or {}).get("task_updates")
    if not isinstance(given, dict):
        return
    told = cast("dict[str, object]", given)
    now = item.ended_at or ""
    for name, take in _TAKERS.items():
        if told.get(name) is None:
            continue
        try:
            yield from take(updates, told[name], item.id, now)
        except (msgspec.ValidationError, TypeError) as error:
            yield "error", f"An update ({name}) cannot be understood: {error}"


def _checklist(updates: Updates, given: object, item_id: str, now: str) -> Iterator[tuple[TimelineKind, str]]:
    del item_id
    updates.checklist = replace(msgspec.convert(given, Checklist), updated_at=now)
    done = sum(one.status == "completed" for one in updates.checklist.items)
    yield "checklist", f"Checklist: {done} of {len(updates.checklist.items)} completed"


def _gate(updates: Updates, given: object, item_id: str, now: str) -> Iterator[tuple[TimelineKind, str]]:
    gate = _filled(given, Gate, {"id": f"gate_{item_id}", "recorded_at": now})
    updates.gates.append(gate)
    yield "gate", f"{gate.gate}: {gate.status}. {gate.summary}"


def _attempt(updates: Updates, given: object, item_id: str, now: str) -> Iterator[tuple[TimelineKind, str]]:
    missing: dict[str, object] = {
        "id": f"attempt_{item_id}",
        "recorded_at": now,
        "changed_files": (),
        "verification": (),
        "selected": False,
    }
    attempt = _filled(given, Attempt, missing)
    updates.attempts.append(attempt)
    yield "pr_attempt", f"Attempt {attempt.attempt_index} of {attempt.attempt_count}: {attempt.summary}"


def _artifacts(updates: Updates, given: object, item_id: str, now: str) -> Iterator[tuple[TimelineKind, str]]:
    del item_id
    for one in msgspec.convert(given, list[object]):
        artifact = _filled(one, TaskArtifact, {"summary": "", "created_at": now})
        updates.artifacts.append(artifact)
        yield "artifact", f"{artifact.label}: {artifact.path}"


def _github(updates: Updates, given: object, item_id: str, now: str) -> Iterator[tuple[TimelineKind, str]]:
    event = _filled(given, GithubEvent, {"id": f"github_{item_id}", "url": None, "recorded_at": now})
    updates.github_events.append(event)
    yield "github", f"{event.action} {event.target} #{event.number}: {event.summary}"


_TAKERS = {
    "checklist": _checklist,
    "gate": _gate,
    "attempt": _attempt,
    "artifacts": _artifacts,
    "github_event": _github,
}


def _filled(given: object, kind: type[T], missing: dict[str, object]) -> T:
    """`given` as a `kind`, with what it lacks."""
    return msgspec.convert({**missing, **msgspec.convert(given, dict[str, object])}, kind)
