"""Changing one key of a person's settings file; every other byte, comments included, stays as it is.

Each change is checked against what it must mean before it is written: the file parses to the same as before but for the key.
"""

import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable

from codewhale.config.writing import alone, replace_file
from codewhale.domain.errors import ConfigError, InvalidInput

Table = dict[str, object]
Edit = Callable[[str], str]
LONGEST = 200
"""Lines that a value may have."""


def key_path(key: str) -> tuple[str, ...]:
    """The parts of a dotted key, which are quoted as in TOML where they have dots: `providers."a.b".model`."""
    path = _names(f"{key} = 0")
    if not path or "\n" in key or "=" in key or "#" in key:
        raise InvalidInput(f"{key[:80]!r} is no name of a setting", hint="`codewhale config list` shows them all")
    return path


def change(path: str, edit: Edit) -> bool:
    """Write what `edit` makes of the file's text (empty when there is none); whether anything changed."""
    with alone(path):
        before = _text(path)
        after = edit(before)
        if after == before:
            return False
        replace_file(path, after.encode())
    return True


def with_value(text: str, path: Sequence[str], value: object) -> str:
    """The text with the key set."""
    wanted = _table(text)
    _put(wanted, path, value)
    for attempt in (_replaced, _added, _appended, _anyhow):
        try:
            after = attempt(text, path, value)
        except (TOMLKitError, KeyError, TypeError, ValueError):
            continue
        if after is not None and _same(after, wanted):
            return after
    lost = _exchanged(text, path[-1], _line(text, path[-1], value), wanted)
    if lost is not None:
        return lost
    raise _beyond(path)


def without(text: str, path: Sequence[str]) -> str:
    """The text without the key; the same text when it is not there."""
    wanted = _table(text)
    if not _take(wanted, path):
        return text
    after = _exchanged(text, path[-1], "", wanted)
    if after is not None:
        return after
    with suppress(TOMLKitError, KeyError, TypeError, ValueError):  # an inline table, or a dotted key
        document = tomlkit.parse(text)
        inner = _inner(document, path)
        if inner is not None:
            inner.remove(path[-1])
            after = tomlkit.dumps(document)
            if _same(after, wanted):
                return after
    raise _beyond(path)


def value_in(table: Table, path: Sequence[str]) -> object:
    """What a table says under a path; None when nothing."""
    found: object = table
    for part in path:
        found = _inside(found, part)
    return found


def _inside(found: object, part: str) -> object:
    return cast(Table, found).get(part) if isinstance(found, dict) else None


def _replaced(text: str, path: Sequence[str], value: object) -> str | None:
    """The key where it stands already."""
    document = tomlkit.parse(text)
    inner = _inner(document, path)
    if inner is None or path[-1] not in inner:
        return None
    inner[path[-1]] = value
    return tomlkit.dumps(document)


def _added(text: str, path: Sequence[str], value: object) -> str | None:
    """A new line in the table where it belongs: after its last key, before what is said about the next table."""
    lines = text.splitlines(keepends=True)
    heads = [at for at, line in enumerate(lines) if line.lstrip().startswith("[")]
    start = 0
    if len(path) > 1:
        own = [at for at in heads if _names(lines[at]) == tuple(path[:-1])]
        if len(own) != 1:
            return None
        start = own[0] + 1
    end = next((at for at in heads if at >= start), len(lines))
    at = end
    while at > start and lines[at - 1].lstrip().startswith("#") and end < len(lines):
        at -= 1  # the comment right above a table is about that table
    while at > start and not lines[at - 1].strip():
        at -= 1
    if at == end and end == len(lines):
        while at > start and lines[at - 1].lstrip().startswith("#"):
            at -= 1
        while at > start and not lines[at - 1].strip():
            at -= 1
        if at == start == 0:
            at = len(lines)
    newline = "\r\n" if "\r\n" in text else "\n"
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += newline
    said = _line(text, path[-1], value)
    parted = newline if at == 0 and lines and lines[0].strip() else ""
    return "".join([*lines[:at], said + parted, *lines[at:]])


def _appended(text: str, path: Sequence[str], value: object) -> str | None:
    """A new table at the end."""
    if len(path) < 2:
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text if not text or text.endswith("\n") else text + newline
    gap = newline if before.strip() and not before.endswith(newline * 2) else ""
    head = "[" + ".".join(_quoted(part) for part in path[:-1]) + "]"
    return f"{before}{gap}{head}{newline}{_quoted(path[-1])} = {tomlkit.item(value).as_string()}{newline}"


def _anyhow(text: str, path: Sequence[str], value: object) -> str | None:
    """Wherever the library puts it: for inline tables and dotted keys."""
    document = tomlkit.parse(text)
    inner: Container | AbstractTable = document
    for part in path[:-1]:
        if part not in inner:
            inner[part] = tomlkit.table()
        found = inner[part]
        if not isinstance(found, Container | AbstractTable):
            return None
        inner = found
    inner[path[-1]] = value
    return tomlkit.dumps(document)


def _line(text: str, name: str, value: object) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{_quoted(name)} = {tomlkit.item(value).as_string()}{newline}"


def _inner(document: Container, path: Sequence[str]) -> Container | AbstractTable | None:
    inner: Container | AbstractTable = document
    for part in path[:-1]:
        found = inner.get(part, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - the library leaves its type open
        if not isinstance(found, Container | AbstractTable):
            return None
        inner = found
    return inner


def _exchanged(text: str, name: str, said: str, wanted: Table) -> str | None:
    """The text with `said` in place of the lines of a key, found by what the file means without them."""
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        if _key_of(line) != name:
            continue
        for end in range(at + 1, min(at + LONGEST, len(lines)) + 1):
            after = "".join([*lines[:at], said, *lines[end:]])
            if _same(after, wanted):
                return after
    return None


def _key_of(line: str) -> str | None:
    """The last part of the key that a line begins with."""
    key, equals, _ = line.partition("=")
    path = _names(f"{key.strip()} = 0") if equals else None
    return path[-1] if path else None


def _names(toml: str) -> tuple[str, ...] | None:
    """The names on the one way into a text that holds one table or one key; None for any other text."""
    try:
        table: object = tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(table, dict) and len(cast(Table, table)) == 1:
        (name, table), *_ = cast(Table, table).items()
        path.append(name)
    return tuple(path)


def _quoted(part: str) -> str:
    return tomlkit.key(part).as_string()


def _table(text: str) -> Table:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the settings file is not valid TOML: {error}", hint="correct that line first") from error


def _put(table: Table, path: Sequence[str], value: object) -> None:
    for part in path[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise InvalidInput(f"{part} is not a table in the settings file", hint="correct it by hand first")
        table = cast(Table, inner)
    table[path[-1]] = value


def _take(table: Table, path: Sequence[str]) -> bool:
    for part in path[:-1]:
        inner = table.get(part)
        if not isinstance(inner, dict):
            return False
        table = cast(Table, inner)
    return table.pop(path[-1], None) is not None


def _same(after: str, wanted: Table) -> bool:
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        return False
    return _bare(found) == _bare(wanted)


def _bare(table: Table) -> Table:
    """Without tables that hold nothing: taking the last key out of one may leave it there or not."""
    rows = {key: _bare(cast(Table, value)) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in rows.items() if value != {}}


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="make it readable") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8", hint="correct it by hand first") from error


def _beyond(path: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"{'.'.join(path)} is written in a way that cannot be changed without touching the rest",
        hint="change it by hand: `codewhale config path` names the file",
    )
