"""Which snapshots go when there are too many, they are too old or take too much room. Pure; the newest always stays."""

from collections.abc import Sequence

from codewhale.workspace.snapshot.records import Snapshot


def superfluous(snapshots: Sequence[Snapshot], *, now: float, max_age: float, max_count: int) -> list[Snapshot]:
    """Those to be dropped: older than `max_age` seconds, or not among the `max_count` newest."""
    newest_first = sorted(snapshots, key=lambda each: each.ref, reverse=True)
    return [
        each
        for place, each in enumerate(newest_first)
        if place and (place >= max_count or each.note.at < now - max_age)
    ]


def oldest(snapshots: Sequence[Snapshot], share: float) -> list[Snapshot]:
    """About this share of the snapshots, at least one, the oldest first; never the newest."""
    oldest_first = sorted(snapshots, key=lambda each: each.ref)[:-1]
    return oldest_first[: max(1, int(len(oldest_first) * share))]
