"""`.env` in codewhale's own home: variables that hold for codewhale alone and reach no program that it starts.

It is never looked for in a workspace or beside a file that `--config` names. A real variable hides one of the file.
"""

import os
import re

from codewhale.config.environment import environment, home_of
from codewhale.domain.errors import ConfigError

LARGEST = 64 * 1024
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PLACES = frozenset({"DEEPSEEK_HOME", "CODEWHALE_HOME"})
"""Variables that say where the file is, so that it cannot hold them."""


def dotenv_path(environ: dict[str, str]) -> str:
    """Where the file would be."""
    return os.path.join(home_of(environ), ".env")


def all_variables(environ: dict[str, str] | None = None) -> dict[str, str]:
    """The environment with what `.env` adds to it. `ConfigError` for a file that cannot be read or understood."""
    known = environment() if environ is None else environ
    return {**read_dotenv(dotenv_path(known)), **known}


def read_dotenv(path: str) -> dict[str, str]:
    """The variables of the file; none when there is no file."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="make it readable, or remove it") from error
    if len(content) > LARGEST:
        raise ConfigError(f"{path} is larger than {LARGEST:,} bytes", hint="it takes lines like NAME=value")
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8", hint="it takes lines like NAME=value") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        said = line.strip().removeprefix("export ").strip()
        if said and not said.startswith("#"):
            name, value = _assignment(said, f"{path}:{number}")
            found[name] = value
    return found


def _assignment(line: str, where: str) -> tuple[str, str]:
    """The line itself is never shown: it may hold a key."""
    name, equals, value = line.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not re.fullmatch(_NAME, name):
        raise ConfigError(f"{where} cannot be understood", hint="write NAME=value, or begin the line with #")
    if name in PLACES:
        raise ConfigError(f"{where}: {name} says where this file is", hint="set it in the environment itself")
    quote = value[:1]
    if quote and quote in "\"'":
        end = value.find(quote, 1)
        rest = value[end + 1 :].strip()
        if end < 0 or (rest and not rest.startswith("#")):
            raise ConfigError(f"{where}: a quote is not closed", hint='write NAME="value"')
        return name, value[1:end]
    return name, value.partition(" #")[0].rstrip()
