"""What doctor says of settings and keys: the files that count, what in them does nothing, and where the key comes from."""

from typing import Literal

from codewhale.config.catalogue import unread_variables
from codewhale.config.dotenv import all_variables, dotenv_path, read_dotenv
from codewhale.config.environment import environment, given
from codewhale.config.route_facts import why_unusable
from codewhale.config.settings import Problem, Settings
from codewhale.config.sources import SYSTEM, Overrides, files_of
from codewhale.runtime.credentials import key_standing

Row = tuple[Literal["ok", "note", "bad"], str, str]


def settings_rows(settings: Settings) -> list[Row]:
    """The files and variables that settings come from."""
    rows: list[Row] = []
    if settings.config_present:
        profile = f", profile {settings.profile}" if settings.profile else ""
        rows.append(("ok", "settings", settings.config_path + profile))
    else:
        rows.append(("note", "settings", f"no file {settings.config_path}; defaults are used"))
    rows.extend(("note", "settings", _ignored(problem)) for problem in settings.problems)
    env = all_variables()
    own = dotenv_path(env)
    count = len(read_dotenv(own))
    if count:
        rows.append(("ok", "variables", f"{count} in {own}"))
    rows.extend(("note", "variables", text) for text in unread_variables(env))
    files = files_of(Overrides(config=settings.config_path if settings.config_present else None), env, None, SYSTEM)
    for path, _ in files.managed:
        rows.append(("ok", "managed", f"{path} is laid over your settings"))
    for path, _ in files.requirements:
        rows.append(("ok", "required", f"{path} says what settings may allow"))
    return rows


def key_rows(settings: Settings) -> list[Row]:
    """The key of the provider in use."""
    standing = key_standing(settings, settings.route.provider)
    unused = f"one is kept for {standing.kept_for}, and is not sent anywhere else"
    rows: list[Row] = []
    problem = why_unusable(settings)
    if problem is not None:
        rows.append(("bad", "key", problem.in_full()))
    elif standing.source == "missing":
        rows.append(("ok", "key", "none, and none is needed"))
    else:
        rows.append(("ok", "key", f"set, from {standing.place}"))
    if standing.kept_for is not None and standing.source == "missing":
        rows.append(("note", "key", unused))
    if standing.backend == "system":
        rows.append(("ok", "keys", f"are kept in the system's keyring ({_variable()})"))
    return rows


def _variable() -> str:
    newer = "CODEWHALE_SECRET_BACKEND"
    return newer if given(environment(), newer) is not None else "DEEPSEEK_SECRET_BACKEND"


def _ignored(problem: Problem) -> str:
    meant = f"; did you mean {problem.suggestion}?" if problem.suggestion else ""
    return f"{problem.path}: {problem.key}: {problem.message}{meant}"
