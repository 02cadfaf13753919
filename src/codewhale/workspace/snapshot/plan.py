"""What a way back would do, worked out before anything is touched. Pure: differences in, steps and conflicts out.

Only what the undone turns changed is put back. A path that changed otherwise after them is a conflict, never overwritten
unless that was asked for.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from codewhale.workspace.snapshot.records import Change, Detail, State

Differences = Mapping[str, Change]


class Stretch(Struct, frozen=True, kw_only=True):
    """What changed between two moments; `undone` when it is to be taken back, `shared` when others worked beside it."""

    differences: Differences
    undone: bool
    shared: bool = False


class Plan(Struct, kw_only=True):
    """`steps`: each path with what it is now and what it will be. `conflicts`: the same for those that somebody else changed
    too. `folders` are empty folders to make, `leave` those to remove if they are empty; `lost` is what cannot come back."""

    steps: dict[str, Change] = field(default_factory=dict[str, Change])
    conflicts: dict[str, Change] = field(default_factory=dict[str, Change])
    folders: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    lost: dict[str, str] = field(default_factory=dict[str, str])

    def forced(self) -> "Plan":
        """The plan with the conflicts decided for going back."""
        return Plan(
            steps={**self.steps, **self.conflicts}, folders=self.folders, leave=self.leave, lost=dict(self.lost)
        )


def take_back(stretches: Sequence[Stretch]) -> Plan:
    """From the oldest undone turn to the present, without gaps: take back what the `undone` stretches did."""
    target: dict[str, State | None] = {}
    now: dict[str, State | None] = {}
    foreign: set[str] = set()
    for stretch in stretches:
        for path, (before, after) in stretch.differences.items():
            if stretch.undone:
                target.setdefault(path, before)
            if path in target:
                now[path] = after
                if not stretch.undone or stretch.shared:
                    foreign.add(path)
    plan = Plan()
    for path, wanted in target.items():
        if now[path] != wanted:
            chosen = plan.conflicts if path in foreign else plan.steps
            chosen[path] = (now[path], wanted)
    return plan


def bring_back(to_target: Differences, since_known: Differences) -> Plan:
    """Make everything as the target has it. `since_known` is what changed since the newest snapshot: not ours to undo."""
    plan = Plan()
    for path, change in to_target.items():
        chosen = plan.conflicts if path in since_known else plan.steps
        chosen[path] = change
    return plan


def with_folders(plan: Plan, before: Detail, after: Detail, now: Detail) -> Plan:
    """The plan with empty folders, and what was left out of the old state and is not there any more."""
    made = set(after.empty) - set(before.empty)
    plan.folders = tuple(sorted(set(before.empty) - set(now.empty)))
    plan.leave = tuple(sorted(made & set(now.empty), reverse=True))
    plan.lost = {
        path: why for path, why in before.missing.items() if path not in now.missing and not path.startswith("(")
    }
    return plan
