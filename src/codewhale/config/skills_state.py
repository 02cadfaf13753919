"""Which skills the person switched off: `disabled = [...]` in `skills_state.toml`.

All else in that file is somebody else's and stays byte for byte. A file is replaced whole or not at all.
"""

import os
import tempfile
import tomllib
from collections.abc import Iterable
from typing import cast

import msgspec

from codewhale.domain.errors import ConfigError

KEY = "disabled"


def disabled_skills(path: str) -> frozenset[str]:
    """The names that are switched off; none when there is no file. `ConfigError` when it cannot be understood."""
    return frozenset(_names(_parsed(_read(path), path), path))


def set_skill_enabled(path: str, name: str, *, enabled: bool) -> None:
    """Switch a skill on or off. `ConfigError` when the file cannot be understood or written."""
    text = _read(path)
    names = set(_names(_parsed(text, path), path))
    wanted = names - {name} if enabled else names | {name}
    if wanted == names:
        return
    changed = _with(text, f"{KEY} = {_array(sorted(wanted))}\n")
    before = {k: v for k, v in _parsed(text, path).items() if k != KEY}
    after = _parsed(changed, path)
    if {k: v for k, v in after.items() if k != KEY} != before or set(_names(after, path)) != wanted:
        raise ConfigError(f"{path} is written in a way that cannot be changed safely", hint=f"edit `{KEY}` by hand")
    _write(path, changed)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="make it readable, or remove it") from error


def _parsed(text: str, path: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint="correct it, or remove it") from error


def _names(table: dict[str, object], path: str) -> list[str]:
    names = table.get(KEY, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in cast("list[object]", names)):
        raise ConfigError(f"{path}: {KEY} must be a list of skill names", hint="correct it, or remove it")
    return cast("list[str]", names)


def _with(text: str, assignment: str) -> str:
    """`text` with the top-level assignment of the key replaced, or put first."""
    lines = text.splitlines(keepends=True)
    for start, line in enumerate(lines):
        if line.lstrip().startswith("["):
            break
        if line.split("=", 1)[0].strip().strip("\"'") != KEY:
            continue
        for end in range(start + 1, len(lines) + 1):
            if _complete("".join(lines[start:end])):
                return "".join([*lines[:start], assignment, *lines[end:]])
    return assignment + text


def _complete(piece: str) -> bool:
    try:
        return KEY in tomllib.loads(piece)
    except tomllib.TOMLDecodeError:
        return False


def _array(names: Iterable[str]) -> str:
    return "[" + ", ".join(msgspec.json.encode(name).decode() for name in names) + "]"


def _write(path: str, text: str) -> None:
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        fd, temporary = tempfile.mkstemp(prefix=".skills_state-", dir=folder)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="is the directory writable?") from error
