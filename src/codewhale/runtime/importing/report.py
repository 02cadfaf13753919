"""What an import did: what was taken, what was there already, what could not be read and why, what was left on purpose."""

from msgspec import Struct, field

LISTED = 1000
"""Most lines kept of one kind; the counts go on."""


class Line(Struct, frozen=True, kw_only=True):
    """One thing of the directory (its path there, or an id) and what there is to say about it."""

    where: str
    what: str


class Report(Struct, kw_only=True):
    """Counts by kind of record, and lines. `problems`: could not be read. `notes`: read, but not as it stood. `left`: not
    for us."""

    dry_run: bool
    taken: dict[str, int] = field(default_factory=dict[str, int])
    known: dict[str, int] = field(default_factory=dict[str, int])
    problem_count: int = 0
    problems: list[Line] = field(default_factory=list[Line])
    notes: list[Line] = field(default_factory=list[Line])
    left: list[Line] = field(default_factory=list[Line])

    def took(self, kind: str, count: int = 1) -> None:
        """Something is in the log now."""
        if count:
            self.taken[kind] = self.taken.get(kind, 0) + count

    def knew(self, kind: str) -> None:
        """Something was in the log before."""
        self.known[kind] = self.known.get(kind, 0) + 1

    def problem(self, where: str, what: str) -> None:
        """Something could not be read."""
        self.problem_count += 1
        _add(self.problems, where, what)

    def note(self, where: str, what: str) -> None:
        """Something was read, but not as it stood."""
        _add(self.notes, where, what)

    def leave(self, where: str, what: str) -> None:
        """Something was left on purpose."""
        _add(self.left, where, what)


def _add(lines: list[Line], where: str, what: str) -> None:
    if len(lines) < LISTED:
        lines.append(Line(where=where, what=what))
