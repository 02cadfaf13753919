"""What a test run said, in short: how many passed and failed, and the names of what failed. Pure, and only a reading: the exit
code alone says whether the run was good."""

import re
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

MOST_FAILURES = 30
_LONGEST = 200


class Report(Struct, frozen=True, kw_only=True):
    """Counts that nobody printed are None; `failures` are the first names, in order, each once."""

    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None
    failures: tuple[str, ...] = ()


_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|ignored|todo|pending|failures?|examples?|tests?)\b")
_FAILURES = re.compile(
    r"^(?:"
    r"(?:FAILED|ERROR) (?P<pytest>\S+)"  # pytest's short summary
    r"|(?:FAIL|ERROR): (?P<unittest>\S+ \([^)]*\))"  # unittest
    r"|test (?P<cargo>\S+) \.\.\. FAILED"
    r"|\s*--- FAIL: (?P<go>\S+)(?: \([^)]*\))?"
    r"|\s*(?:✕|✖|×) (?P<node>.+?)(?: \(\d[\d.]*\s*m?s\))?"  # jest, node, vitest
    r"|not ok \d+ - (?P<tap>.+)"
    r"|\[ERROR\]\s+(?P<maven>\w[\w.]*:\d+.*)"
    r"|(?P<gradle>\w\S* > \S.*) FAILED"
    r"|\s*\d+ - (?P<ctest>\S+) \((?:Failed|Timeout|SEGFAULT)[^)]*\)"
    r"|rspec (?P<rspec>\./\S+)"
    r")\s*$|^(?:FAILED|ERROR) (?P<reason>\S+) - ",
    re.MULTILINE,
)
_UNITTEST = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
_UNITTEST_BAD = re.compile(r"^FAILED \(([^)]*)\)", re.MULTILINE)
_CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
_GO = re.compile(r"^(ok|FAIL)\s+\S+\s", re.MULTILINE)
_MAVEN = re.compile(r"^(?:\[\w+\] )?Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)", re.MULTILINE)
_CTEST = re.compile(r"^\d+% tests passed, (\d+) tests? failed out of (\d+)", re.MULTILINE)
_TAP = re.compile(r"^[#ℹ] (pass|fail|skipped) (\d+)\s*$", re.MULTILINE)
_LINE = re.compile(r"^.*\b\d+ (?:passed|failed|errors?|skipped|examples?)\b.*$", re.MULTILINE)


def report_of(output: str) -> Report:
    """What can be read of it, whichever runner wrote it."""
    counts = next((found for read in _READERS if (found := read(output)) is not None), Report())
    return replace(counts, failures=_failures(output))


def _failures(output: str) -> tuple[str, ...]:
    names = (next(name for name in found.groups() if name is not None).strip() for found in _FAILURES.finditer(output))
    return tuple(name[:_LONGEST] for name in dict.fromkeys(names))[:MOST_FAILURES]


def _cargo(output: str) -> Report | None:
    rows = [tuple(int(n) for n in found.groups()) for found in _CARGO.finditer(output)]
    return _summed(rows) if rows else None


def _maven(output: str) -> Report | None:
    rows = [tuple(int(n) for n in found.groups()) for found in _MAVEN.finditer(output)]
    if not rows:
        return None
    total, failures, errors, skipped = rows[-1]
    return Report(passed=total - failures - errors - skipped, failed=failures + errors, skipped=skipped)


def _ctest(output: str) -> Report | None:
    found = _CTEST.search(output)
    return None if found is None else Report(passed=int(found[2]) - int(found[1]), failed=int(found[1]))


def _unittest(output: str) -> Report | None:
    found = _UNITTEST.search(output)
    if found is None:
        return None
    bad = _UNITTEST_BAD.search(output)
    words = dict(re.findall(r"(\w+)=(\d+)", bad[1])) if bad is not None else {}
    failed = int(words.get("failures", 0)) + int(words.get("errors", 0))
    skipped = int(words.get("skipped", 0))
    return Report(passed=int(found[1]) - failed - skipped, failed=failed, skipped=skipped)


def _tap(output: str) -> Report | None:
    counts = {word: int(number) for word, number in _TAP.findall(output)}
    if not counts:
        return None
    return Report(passed=counts.get("pass"), failed=counts.get("fail"), skipped=counts.get("skipped"))


def _counted(output: str) -> Report | None:
    """The last line that counts in words: pytest, jest, vitest, bun, rspec, mix."""
    lines = _LINE.findall(output)
    if not lines:
        return None
    counts = {word.rstrip("s"): int(number) for number, word in _COUNT.findall(lines[-1])}
    failed = sum(counts.get(word, 0) for word in ("failed", "failure", "error"))
    total = counts.get("example", counts.get("test"))
    passed = counts.get("passed", None if total is None else total - failed)
    skipped = sum(counts.get(word, 0) for word in ("skipped", "ignored", "todo", "pending"))
    return Report(passed=passed if passed is not None else 0, failed=failed, skipped=skipped)


def _go(output: str) -> Report | None:
    """Go counts packages, unless it is told to talk."""
    words = [found[1] for found in _GO.finditer(output)]
    return Report(passed=words.count("ok"), failed=words.count("FAIL")) if words else None


def _summed(rows: list[tuple[int, ...]]) -> Report:
    passed, failed, skipped = (sum(column) for column in zip(*rows, strict=True))
    return Report(passed=passed, failed=failed, skipped=skipped)


_READERS: tuple[Callable[[str], Report | None], ...] = (_cargo, _maven, _ctest, _unittest, _tap, _counted, _go)
