"""The keys that `codewhale auth set` keeps, each bound to the endpoint that it was saved for.

By default they are in `secrets/secrets.json` in codewhale's home, readable by its owner alone; a file that others may read
is an error. `DEEPSEEK_SECRET_BACKEND=system` keeps them in the system's keyring instead. Nothing here prints a key.
"""

import os
import stat
from typing import Literal, Protocol, cast, get_args

import msgspec
from msgspec import Struct

from codewhale.config.environment import given, home_of
from codewhale.config.settings import Secret
from codewhale.domain.errors import ConfigError

Backend = Literal["file", "system"]
LARGEST = 1024 * 1024
_VARIABLE = "DEEPSEEK_SECRET_BACKEND"


class Stored(Struct, frozen=True, kw_only=True):
    """A key and the scheme, host and port that it may be sent to; `endpoint` None: the provider's own address."""

    key: Secret
    endpoint: str | None = None


class Credentials(Protocol):
    """Where keys are kept. Every method raises `ConfigError` when the place cannot be used."""

    backend: Backend
    place: str

    def get(self, name: str) -> Stored | None:
        """The key that is kept under this name."""
        ...

    def names(self) -> list[str] | None:
        """The names that there are keys for; None where that cannot be known."""
        ...

    def save(self, name: str, stored: Stored) -> None:
        """Keep the key in place of the one before."""
        ...

    def clear(self, name: str) -> bool:
        """Forget the key; whether there was one."""
        ...


def backend_of(environ: dict[str, str]) -> Backend:
    """Which place is asked for. `ConfigError` for a word that names none."""
    word = given(environ, _VARIABLE) or "file"
    for backend in get_args(Backend):
        if backend == word:
            return backend
    raise ConfigError(f"{_VARIABLE} is {word!r}, which cannot be used", hint="set it to file or system, or unset it")


def credentials_of(environ: dict[str, str]) -> Credentials:
    """The keys of this person."""
    if backend_of(environ) == "system":
        from codewhale.config.keyring import SystemCredentials  # noqa: PLC0415 - start-up: few ask for it

        return SystemCredentials()
    return FileCredentials(os.path.join(home_of(environ), "secrets", "secrets.json"))


class FileCredentials:
    """A JSON file of mode 0600: `{"version": 1, "keys": {"openai": {"key": "...", "endpoint": "https://..."}}}`. A flat
    object of names and keys, as earlier programs wrote it, is read too."""

    backend: Backend = "file"

    def __init__(self, place: str) -> None:
        self.place = place
        self._read: dict[str, Stored] | None = None

    def get(self, name: str) -> Stored | None:
        return self._all().get(name)

    def names(self) -> list[str]:
        return sorted(self._all())

    def save(self, name: str, stored: Stored) -> None:
        from codewhale.config.writing import alone  # noqa: PLC0415 - start-up: keys are seldom written

        with alone(self.place):
            self._read = None
            self._write({**self._all(), name: stored})

    def clear(self, name: str) -> bool:
        from codewhale.config.writing import alone  # noqa: PLC0415 - as above

        if not os.path.lexists(self.place):
            return False
        with alone(self.place):
            self._read = None
            left = dict(self._all())
            if left.pop(name, None) is None:
                return False
            self._write(left)
        return True

    def _all(self) -> dict[str, Stored]:
        if self._read is None:
            self._read = _entries(_content(self.place), self.place)
        return self._read

    def _write(self, entries: dict[str, Stored]) -> None:
        from codewhale.config.writing import replace_file  # noqa: PLC0415 - as above

        rows = {
            name: {"key": one.key.reveal(), **({"endpoint": one.endpoint} if one.endpoint else {})}
            for name, one in sorted(entries.items())
        }
        text = msgspec.json.format(msgspec.json.encode({"version": 1, "keys": rows}), indent=2)
        replace_file(self.place, text + b"\n", mode=0o600)
        self._read = entries


def _content(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return b"{}"
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="make it yours, with mode 0600") from error
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST:
            raise ConfigError(f"{path} is no file of keys", hint="move it away; `codewhale auth set` makes a new one")
        if facts.st_mode & 0o077:
            raise ConfigError(
                f"{path} has mode {stat.S_IMODE(facts.st_mode):04o}: others on this machine could read the keys in it",
                hint=f"chmod 600 {path} - and if others had the time to look, replace the keys",
            )
        return file.read(LARGEST)


def _entries(content: bytes, path: str) -> dict[str, Stored]:
    broken = ConfigError(
        f"{path} cannot be understood; its content is not shown",
        hint="correct it, or move it away and `codewhale auth set` the keys anew",
    )
    try:
        table = msgspec.json.decode(content, type=dict[str, object])
    except msgspec.DecodeError:
        raise broken from None
    keys = cast("dict[str, object]", table["keys"]) if isinstance(table.get("keys"), dict) else table
    found: dict[str, Stored] = {}
    for name, value in keys.items():
        if isinstance(value, str) and value.strip():
            found[name] = Stored(key=Secret(value.strip()))
        elif isinstance(value, dict):
            found[name] = _bound(cast("dict[str, object]", value), broken)
    return found


def _bound(value: dict[str, object], broken: ConfigError) -> Stored:
    key, endpoint = value.get("key"), value.get("endpoint")
    if not isinstance(key, str) or not key.strip() or not (endpoint is None or isinstance(endpoint, str)):
        raise broken
    return Stored(key=Secret(key.strip()), endpoint=endpoint)
