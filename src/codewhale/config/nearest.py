"""What was probably meant: the nearest known word to one that is not known."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word with the fewest edits from `word` (at most a third of its length, at least two), or None."""
    limit = max(2, len(word) // 3)
    best: str | None = None
    for candidate in known:
        edits = _edits(word.lower(), candidate.lower(), limit)
        if edits <= limit:
            best, limit = candidate, edits - 1
    return best


def _edits(a: str, b: str, limit: int) -> int:
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]
