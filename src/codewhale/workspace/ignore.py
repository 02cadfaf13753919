"""The rules of `.gitignore` and `.git/info/exclude`, with git's meaning (gitignore(5)), also outside a git repository.

A deeper file overrules a higher one, a later line an earlier one; a nested repository starts afresh. Rules above the
workspace are not read. The caller does not enter ignored directories, as in git. Own translation: pathspec takes 100 ms to
import. Pure but for `rules_in`, which reads relative to an open directory.
"""

import os
import re
import stat
from collections.abc import Iterable, Sequence

from codewhale.domain.errors import ToolError

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_RULES = 256 * 1024
_SPECIAL = re.compile(r"[*?\[\\]")
_ENDING = re.compile(r"\*\.[\w.]+")
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


class Glob:
    """One pattern in gitignore's language, matched against paths relative to where the pattern stands."""

    __slots__ = ("_named", "_pattern", "directories", "literal")

    def __init__(self, pattern: str) -> None:
        """Raises `ValueError` for a pattern that can match nothing."""
        self.directories = pattern.endswith("/")
        body = pattern.rstrip("/") if self.directories else pattern
        self._named = "/" not in body
        body = body.removeprefix("/")
        if not body:
            raise ValueError(pattern)
        self.literal = body if self._named and not set(body) & set("*?[\\") else None
        try:
            self._pattern = re.compile(_translated(body), re.DOTALL)
        except re.error as error:
            raise ValueError(pattern) from error

    def matches(self, path: str, name: str, *, directory: bool) -> bool:
        """`path` is relative to the pattern's place, `name` its last component."""
        if self.directories and not directory:
            return False
        if self.literal is not None:
            return name == self.literal
        return self._pattern.fullmatch(name if self._named else path) is not None


class Globs:
    """What a person or model gave to include or exclude: true if there is any, and a path fits if one of them does."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = expanded(patterns)
        try:
            self._globs = [Glob(pattern) for pattern in self.patterns]
        except ValueError as error:
            raise ToolError(f"{error} is no valid glob.", category="invalid_input") from error

    def __bool__(self) -> bool:
        return bool(self._globs)

    def match(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(glob.matches(path, name, directory=False) for glob in self._globs)


class Rules:
    """The lines of one ignore file: the last that matches decides."""

    __slots__ = ("_rules",)

    def __init__(self, lines: Iterable[str]) -> None:
        rules: list[tuple[Glob, bool]] = []
        for line in lines:
            pattern = _trimmed(line)
            if not pattern or pattern.startswith("#"):
                continue
            negated = pattern.startswith("!")
            try:
                rules.append((Glob(pattern[1:] if negated else pattern), not negated))
            except ValueError:
                continue  # git too passes over what can match nothing
        rules.reverse()
        self._rules = rules

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, path: str, name: str, *, directory: bool) -> bool | None:
        """Ignored, kept, or nothing said."""
        for glob, ignored in self._rules:
            if glob.matches(path, name, directory=directory):
                return ignored
        return None


class Ignores:
    """The rules in force in one directory: its own, then those above. `depth` counts components from the anchor."""

    __slots__ = ("above", "depth", "rules")

    def __init__(self, rules: Rules, depth: int, above: "Ignores | None") -> None:
        self.rules = rules
        self.depth = depth
        self.above = above

    def ignored(self, parts: Sequence[str], *, directory: bool) -> bool:
        """Whether the entry at `parts` (from the anchor) is ignored, its parents being not."""
        node: Ignores | None = self
        while node is not None:
            verdict = node.rules.verdict("/".join(parts[node.depth :]), parts[-1], directory=directory)
            if verdict is not None:
                return verdict
            node = node.above
        return False


def rules_at(fd: int, depth: int, above: Ignores | None) -> Ignores | None:
    """As `rules_in`, for a directory that nobody has listed."""
    return rules_in(fd, [name for name in (".git", ".gitignore") if _exists(fd, name)], depth, above)


def rules_in(fd: int, names: Iterable[str], depth: int, above: Ignores | None) -> Ignores | None:
    """The rules in force in the open directory `fd` that holds `names`; `above` are those of its parent."""
    held = set(names)
    if ".git" in held:
        exclude = Rules(_lines(fd, ".git/info/exclude"))
        above = Ignores(exclude, depth, None) if exclude else None
    if ".gitignore" in held:
        rules = Rules(_lines(fd, ".gitignore"))
        return Ignores(rules, depth, above) if rules else above
    return above


def expanded(patterns: Sequence[str]) -> list[str]:
    """Include and exclude patterns as gitignore patterns: braces written out, a directory standing for its content."""
    out: list[str] = []
    for pattern in patterns:
        for plain in _braces(pattern.removeprefix("./")):
            body = plain.rstrip("/")
            if _ENDING.fullmatch(body):
                out.append(body)
            elif body:
                out += [body, f"{body}/**" if "/" in body else f"**/{body}/**"]
    return out


def endings_only(patterns: Sequence[str]) -> bool:
    """Whether all expanded patterns are of the form `*.py`, which a program without our rules understands alike."""
    return all(_ENDING.fullmatch(pattern) for pattern in patterns)


def _braces(pattern: str, limit: int = 64) -> list[str]:
    found = re.search(r"\{([^{}]*,[^{}]*)\}", pattern)
    if found is None or limit <= 1:
        return [pattern]
    made: list[str] = []
    for choice in found[1].split(","):
        made += _braces(pattern[: found.start()] + choice + pattern[found.end() :], limit // 2)
    return made


def _exists(fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    return True


def _lines(fd: int, path: str) -> list[str]:
    """The lines of a small regular file; none if it is anything else. A link is not followed, as in git."""
    *folders, name = path.split("/")
    inner = fd
    try:
        for folder in folders:
            deeper = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inner)
            if inner != fd:
                os.close(inner)
            inner = deeper
        file = os.open(name, _READ, dir_fd=inner)
    except OSError:
        return []
    finally:
        if inner != fd:
            os.close(inner)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return []
        content = os.read(file, _MAX_RULES)
    finally:
        os.close(file)
    return os.fsdecode(content.removeprefix(b"\xef\xbb\xbf")).split("\n")


def _trimmed(line: str) -> str:
    """A line without CR and without trailing spaces, unless escaped."""
    line = line.removesuffix("\r")
    while line.endswith(" "):
        slashes = len(line) - 1 - len(line[:-1].rstrip("\\"))
        if slashes % 2:
            break
        line = line[:-1]
    return line


def _translated(body: str) -> str:
    """The regular expression of a pattern without its leading and trailing slash."""
    out: list[str] = []
    at, size = 0, len(body)
    while at < size:
        char = body[at]
        if char == "*":
            at, piece = _stars(body, at)
            out.append(piece)
            continue
        if char == "?":
            out.append("[^/]")
        elif char == "[":
            at, piece = _class(body, at)
            out.append(piece)
            continue
        elif char == "\\":
            at += 1
            if at == size:
                raise ValueError(body)
            out.append(re.escape(body[at]))
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out)


def _stars(body: str, at: int) -> tuple[int, str]:
    end = at
    while end < len(body) and body[end] == "*":
        end += 1
    # git compares the plain beginning of a pattern apart, so stars right after it stand at a beginning for it
    begins = at == 0 or body[at - 1] == "/" or not _SPECIAL.search(body, 0, at)
    alone = end - at >= 2 and begins and (end == len(body) or body[end] == "/")
    if not alone:
        return end, "[^/]*"
    if end == len(body):
        return end, ".*" if at and body[at - 1] != "/" else ".+"
    return end + 1, "(?:.*/)?"


def _class(body: str, at: int) -> tuple[int, str]:
    """A bracket expression; raises `ValueError` if it does not end."""
    at += 1
    negated = body[at : at + 1] in {"!", "^"}
    at += negated
    out: list[str] = []
    first = True
    low = ""
    while True:
        char = body[at : at + 1]
        if not char:
            raise ValueError(body)
        if char == "]" and not first:
            break
        first = False
        if char == "[" and body[at + 1 : at + 2] == ":" and (end := body.find(":]", at)) > 0:
            named = _CLASSES.get(body[at + 2 : end])
            if named is None:
                raise ValueError(body)
            out.append(named)
            at, low = end + 2, ""
            continue
        if char == "-" and low and body[at + 1 : at + 2] not in {"", "]"}:
            at, high = _member(body, at + 1)
            out += (
                [f"{re.escape(low)}-{re.escape(high)}"] if low <= high else []
            )  # one the wrong way round holds nothing
            low = ""
            continue
        at, low = _member(body, at)
        out.append(re.escape(low))
    if not out:
        return at + 1, "[^/]" if negated else "(?!)"
    return at + 1, f"(?!/)[{'^' if negated else ''}{''.join(out)}]"


def _member(body: str, at: int) -> tuple[int, str]:
    """One character of a bracket expression, escaped or not, and where the next one is."""
    if body[at] == "\\":
        at += 1
    if at == len(body):
        raise ValueError(body)
    return at + 1, body[at]
