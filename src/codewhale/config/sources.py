"""Where settings come from: which files count, which variables, and the layers that they are.

The order: the person's file, its profile, the environment (with `.env` below it), managed files, the command line. What a
managed file says, no variable does.
"""

import os

from msgspec import Struct

from codewhale.config.dotenv import all_variables, dotenv_path, read_dotenv
from codewhale.config.environment import environment, given, home_of
from codewhale.config.layers import Layer
from codewhale.config.settings import ApprovalPolicy, Required
from codewhale.config.variables import environment_layer
from codewhale.domain.confinement import Policy
from codewhale.domain.errors import ConfigError

SYSTEM = "/etc/deepseek"
Table = dict[str, object]


class Overrides(Struct, frozen=True, kw_only=True):
    """What the command line gave: which file and profile, and the top layer."""

    config: str | None = None
    profile: str | None = None
    layer: Layer = Layer()


class Places(Struct, frozen=True, kw_only=True):
    """Where state lives. `CODEWHALE_HOME` moves all of it, the other variables one part each."""

    home: str
    tasks: str
    runtime: str
    automations: str


class Files(Struct, frozen=True, kw_only=True):
    """The tables of all files that count. `managed` and `requirements` have their paths, the highest one last."""

    path: str
    person: Table | None
    managed: tuple[tuple[str, Table], ...] = ()
    requirements: tuple[tuple[str, Table], ...] = ()


class Sources(Struct, frozen=True, kw_only=True):
    """All that settings are made of but the command line. `own_secrets` are the values in `.env` that are named
    like secrets; `env` lacks what a
    managed file overrules."""

    where: Places
    path: str
    present: bool
    profile: str | None
    env: dict[str, str]
    own_secrets: tuple[str, ...]
    file: Layer
    variables: Layer
    required: Required


def find(over: Overrides, environ: dict[str, str] | None, system: str) -> Sources:
    """The sources of settings. `ConfigError` for a file that is named and not there, or that cannot be used."""
    known = environment() if environ is None else environ
    env = all_variables(known)
    profile = over.profile or given(env, "DEEPSEEK_PROFILE")
    files = files_of(over, env, profile, system)
    file, required = Layer(), Required()
    if files.person is not None or files.managed:
        # Start-up: most runs have no file, and the key types cost more than all else in here.
        from codewhale.config.keys import layer_of  # noqa: PLC0415

        file = layer_of(files.person or {}, files.path, profile, files.managed)
    if files.managed:
        from codewhale.config.catalogue import without_overruled  # noqa: PLC0415 - start-up: few machines are managed

        env = without_overruled(env, files.managed)
    if files.requirements:
        from codewhale.config.managed import required_of  # noqa: PLC0415 - start-up: as above

        required = required_of(files.requirements)
    return Sources(
        where=places(env),
        path=files.path,
        present=files.person is not None,
        profile=profile,
        env=env,
        own_secrets=_secrets(read_dotenv(dotenv_path(known))),
        file=file,
        variables=environment_layer(env),
        required=required,
    )


def _secrets(own: dict[str, str]) -> tuple[str, ...]:
    if not own:
        return ()
    from codewhale.policy.redaction.known import secrets_among  # noqa: PLC0415 - start-up: few have a file of variables

    return tuple(secrets_among(own))


def config_path(over: Overrides, env: dict[str, str]) -> str:
    """The person's settings file, whether or not it is there."""
    named = over.config or given(env, "DEEPSEEK_CONFIG_PATH")
    return absolute(named) if named else os.path.join(home_of(env), "config.toml")


def files_of(over: Overrides, env: dict[str, str], profile: str | None, system: str) -> Files:
    """The tables of all files that count."""
    path = config_path(over, env)
    if not os.path.lexists(path):
        _missing(path, profile, named=bool(over.config or given(env, "DEEPSEEK_CONFIG_PATH")))
        person = None
    else:
        person = _read(path)
    return Files(
        path=path,
        person=person,
        managed=_named(env, person, system, "MANAGED_CONFIG_PATH", "managed_config.toml"),
        requirements=_named(env, person, system, "REQUIREMENTS_PATH", "requirements.toml"),
    )


def _read(path: str) -> Table:
    from codewhale.config.keys import read  # noqa: PLC0415 - start-up: most runs have no file

    return read(path)


def _missing(path: str, profile: str | None, *, named: bool) -> None:
    if named:
        raise ConfigError(f"there is no settings file {path}", hint="correct --config or DEEPSEEK_CONFIG_PATH")
    if profile is not None:
        raise ConfigError(
            f"profile {profile!r} was asked for, but there is no settings file {path}",
            hint=f"write a [profiles.{profile}] table into it, or drop the profile",
        )


def _named(
    env: dict[str, str], person: Table | None, system: str, name: str, usual: str
) -> tuple[tuple[str, Table], ...]:
    """The machine's own file always counts; the person and a variable may name one more each, which must be there."""
    key, variable = name.lower(), f"DEEPSEEK_{name}"
    found: list[str] = []
    for said, path in ((key, (person or {}).get(key)), (variable, given(env, variable))):
        if isinstance(path, str) and path.strip():
            found.append(absolute(path.strip()))
            if not os.path.lexists(found[-1]):
                raise ConfigError(
                    f"{said} names {found[-1]}, which is not there", hint=f"put the file there, or take {said} away"
                )
    own = os.path.join(system, usual)
    paths = [*dict.fromkeys(path for path in found if path != own), *([own] if os.path.lexists(own) else [])]
    return tuple((path, _read(path)) for path in paths)


def places(env: dict[str, str]) -> Places:
    """The directories that the environment names, absolute. None of them need exist."""
    home = home_of(env)
    tasks = given(env, "DEEPSEEK_TASKS_DIR")
    runtime = given(env, "DEEPSEEK_RUNTIME_DIR")
    automations = given(env, "DEEPSEEK_AUTOMATIONS_DIR")
    tasks = absolute(tasks) if tasks else os.path.join(home, "tasks")
    return Places(
        home=home,
        tasks=tasks,
        runtime=absolute(runtime) if runtime else os.path.join(tasks, "runtime"),
        automations=absolute(automations) if automations else os.path.join(home, "automations"),
    )


def absolute(path: str) -> str:
    """The path from the current folder, `~` written out."""
    return os.path.abspath(os.path.expanduser(path))


_STRICTEST: tuple[ApprovalPolicy, ...] = ("on-request", "never", "auto")
"""The order in which a policy is chosen where nobody said one and the usual one is not allowed."""


def allowed_policy(required: Required, policy: ApprovalPolicy | None, mode: str) -> ApprovalPolicy:
    """The policy that holds. `ConfigError` when what was said is not allowed."""
    allowed = required.approval_policies
    if allowed is None:
        return policy or "on-request"
    if mode == "yolo":
        refuse_automatic(required, 'mode "yolo"')
    if policy is not None and policy not in allowed:
        raise _refused(required, f'approval_policy "{policy}"', allowed)
    return policy or next(one for one in _STRICTEST if one in allowed)


def allowed_cage(required: Required, cage: Policy | None) -> Policy | None:
    """The sandbox policy that holds; None is that of the mode. `ConfigError` when what was said is not allowed."""
    allowed = required.sandbox_modes
    if allowed is None:
        return cage
    if cage is not None and cage not in allowed:
        raise _refused(required, f'sandbox_mode "{cage}"', allowed)
    return allowed[0] if cage is None and "workspace-write" not in allowed else cage


def refuse_automatic(required: Required, said: str) -> None:
    """Raise `ConfigError` when nothing may be allowed without asking, which `said` wants."""
    allowed = required.approval_policies
    if allowed is not None and "auto" not in allowed:
        raise _refused(required, said, allowed)


def _refused(required: Required, said: str, allowed: tuple[str, ...]) -> ConfigError:
    return ConfigError(
        f"{said} is not allowed on this machine: {', '.join(required.paths)} allows {', '.join(allowed)}",
        hint="take it away (`codewhale config explain KEY` says where it is set), or ask whoever administers this machine",
    )
