"""Settings from defaults, a file, its profile, the environment and the command line, each over the one before.

Invariant: reading settings never writes, never goes on the network, and never fails for a key it does not know.
"""

import os

from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.audit import Audit
from codewhale.config.environment import environment, given
from codewhale.config.layers import Layer, stacked
from codewhale.config.redaction import Redaction
from codewhale.config.routes import routes_of
from codewhale.config.search import search_of
from codewhale.config.settings import (
    DEFAULT_CORS_ORIGINS,
    POLICIES,
    Retry,
    RuntimeApi,
    Secret,
    Settings,
    Stream,
)
from codewhale.domain.confinement import POLICY_WORDS, Policy, Surface
from codewhale.domain.errors import ConfigError
from codewhale.domain.hooks import HookSettings
from codewhale.domain.language_servers import LspSettings
from codewhale.domain.network import OPEN
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.domain.tasks import TaskLimits


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


def load(overrides: Overrides | None = None, *, environ: dict[str, str] | None = None) -> Settings:
    """The settings of this process. `ConfigError` names the file and key, or the variable, that cannot be used."""
    over = overrides or Overrides()
    env = environment() if environ is None else environ
    where = places(env)
    named = over.config or given(env, "DEEPSEEK_CONFIG_PATH")
    path = _absolute(named) if named else os.path.join(where.home, "config.toml")
    profile = over.profile or given(env, "DEEPSEEK_PROFILE")
    file, present = _file_layer(path, profile, required=named is not None)
    variables = _environment_layer(env)
    all_of = stacked((file, variables, over.layer))
    route, routes = routes_of(file, variables, over.layer, env)
    return Settings(
        home=where.home,
        config_path=path,
        config_present=present,
        profile=profile,
        tasks_dir=where.tasks,
        runtime_dir=where.runtime,
        automations_dir=where.automations,
        workspace=_workspace(all_of.workspace),
        route=route,
        routes=routes,
        reasoning_effort=all_of.reasoning_effort,
        allow_shell=all_of.allow_shell,
        mode=all_of.mode or "agent",
        approval_policy=all_of.approval_policy or "on-request",
        max_steps=all_of.max_steps or 100,
        retry=all_of.retry or Retry(),
        stream=_stream(all_of),
        runtime_api=RuntimeApi(
            cors_origins=_origins(over.layer, variables, file),
            token=all_of.runtime_token,
        ),
        tasks=_tasks(all_of),
        lsp=all_of.lsp or LspSettings(),
        hooks=all_of.hooks or HookSettings(),
        sandbox=_sandbox(all_of, where, path),
        network=all_of.network or OPEN,
        search=search_of(file.search, env),
        redaction=all_of.redaction or Redaction(),
        snapshots=all_of.snapshots or SnapshotLimits(),
        audit=_audit(path, all_of.audit),
        vision=all_of.vision,
        tool_audit_log=all_of.tool_audit_log,
        allow_insecure_http=bool(all_of.allow_insecure_http),
        proxy=all_of.proxy,
        no_proxy=all_of.no_proxy or (),
        ca_file=_absolute(all_of.ca_file) if all_of.ca_file else None,
        skills_dir=_beside(path, all_of.skills_dir) or os.path.join(where.home, "skills"),
        mcp_config=_beside(path, all_of.mcp_config) or os.path.join(where.home, "mcp.json"),
        instructions=tuple(_beside(path, one) or one for one in all_of.instructions or ()),
        notes_path=_beside(path, all_of.notes_path) or os.path.join(where.home, "notes.txt"),
        memory=bool(all_of.memory),
        memory_path=_beside(path, all_of.memory_path),
        user_skills=_user_skills(env),
        gh_bin=_beside(path, all_of.gh_bin),
        always_load=all_of.always_load or (),
        problems=file.problems,
    )


def places(env: dict[str, str]) -> Places:
    """The directories that the environment names, absolute. None of them need exist."""
    home = _absolute(given(env, "CODEWHALE_HOME") or "~/.deepseek")
    tasks = given(env, "DEEPSEEK_TASKS_DIR")
    runtime = given(env, "DEEPSEEK_RUNTIME_DIR")
    automations = given(env, "DEEPSEEK_AUTOMATIONS_DIR")
    tasks = _absolute(tasks) if tasks else os.path.join(home, "tasks")
    return Places(
        home=home,
        tasks=tasks,
        runtime=_absolute(runtime) if runtime else os.path.join(tasks, "runtime"),
        automations=_absolute(automations) if automations else os.path.join(home, "automations"),
    )


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _absolute_or_none(path: str | None) -> str | None:
    return _absolute(path) if path else None


def _beside(file: str, path: str | None) -> str | None:
    """A path out of the settings file: a relative one is meant from the file's own directory."""
    return os.path.normpath(os.path.join(os.path.dirname(file), os.path.expanduser(path))) if path else None


def _workspace(path: str | None) -> str:
    if path is None:
        try:
            return os.getcwd()
        except OSError as e:
            raise ConfigError("the current directory no longer exists", hint="go to another one, or use -w") from e
    absolute = _absolute(path)
    if not os.path.isdir(absolute):
        raise ConfigError(f"the workspace {absolute} is not a directory", hint="name an existing directory with -w")
    return absolute


def _file_layer(path: str, profile: str | None, *, required: bool) -> tuple[Layer, bool]:
    if not os.path.lexists(path):
        if required:
            raise ConfigError(f"there is no settings file {path}", hint="correct --config or DEEPSEEK_CONFIG_PATH")
        if profile is not None:
            raise ConfigError(
                f"profile {profile!r} was asked for, but there is no settings file {path}",
                hint=f"write a [profiles.{profile}] table into it, or drop the profile",
            )
        return Layer(), False
    # Start-up: most runs have no file, and the TOML reader with the key types costs more than all else in here.
    from codewhale.config import keys  # noqa: PLC0415

    return keys.read(path, profile), True


def _environment_layer(env: dict[str, str]) -> Layer:
    token = given(env, "DEEPSEEK_RUNTIME_TOKEN")
    key = given(env, "DEEPSEEK_API_KEY")
    policy = given(env, "DEEPSEEK_APPROVAL_POLICY")
    if policy is not None and policy not in POLICIES:
        raise _bad("DEEPSEEK_APPROVAL_POLICY", policy, "one of on-request, auto, never")
    return Layer(
        provider=given(env, "DEEPSEEK_PROVIDER"),
        model=given(env, "DEEPSEEK_MODEL"),
        base_url=given(env, "DEEPSEEK_BASE_URL"),
        api_key=Secret(key) if key else None,
        allow_shell=_flag(env, "DEEPSEEK_ALLOW_SHELL"),
        mode=_mode(env),
        approval_policy=POLICIES[policy] if policy else None,
        sandbox_mode=_sandbox_mode(env),
        open_timeout=_seconds(env, "DEEPSEEK_STREAM_OPEN_TIMEOUT_SECS", 1, 300),
        idle_timeout=_seconds(env, "DEEPSEEK_STREAM_IDLE_TIMEOUT_SECS", 1, 3600),
        cors_origins=_list(env, "DEEPSEEK_CORS_ORIGINS"),
        runtime_token=Secret(token) if token else None,
        allow_insecure_http=_flag(env, "DEEPSEEK_ALLOW_INSECURE_HTTP"),
        proxy=_either(env, "HTTPS_PROXY", "ALL_PROXY"),
        no_proxy=tuple((_either(env, "NO_PROXY") or "").replace(",", " ").split()) or None,
        ca_file=given(env, "SSL_CERT_FILE"),
        workspace=given(env, "DEEPSEEK_WORKSPACE"),
        notes_path=_absolute_or_none(given(env, "DEEPSEEK_NOTES_PATH")),
        gh_bin=_absolute_or_none(given(env, "DEEPSEEK_GH_BIN")),
        memory=_flag(env, "DEEPSEEK_MEMORY"),
        memory_path=_absolute_or_none(given(env, "DEEPSEEK_MEMORY_PATH")),
        tool_audit_log=_optional_path(given(env, "DEEPSEEK_TOOL_AUDIT_LOG")),
    )


def _user_skills(env: dict[str, str]) -> tuple[str, ...]:
    """Where other programs keep the person's skills too."""
    home = given(env, "HOME")
    return (os.path.join(home, ".agents/skills"), os.path.join(home, ".claude/skills")) if home else ()


def _either(env: dict[str, str], *names: str) -> str | None:
    """The first of these variables that is set; tools agree on reading the lower-case spelling too."""
    return next((v for name in names for v in (given(env, name.lower()), given(env, name)) if v), None)


def _bad(name: str, value: str, expected: str) -> ConfigError:
    return ConfigError(f"{name} is {value!r}, which cannot be used", hint=f"set it to {expected}, or unset it")


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
MODES = ("agent", "plan", "yolo")


def _flag(env: dict[str, str], name: str) -> bool | None:
    value = given(env, name)
    if value is None:
        return None
    if value.lower() not in _WORDS:
        raise _bad(name, value, "true or false")
    return _WORDS[value.lower()]


def _mode(env: dict[str, str]) -> str | None:
    value = given(env, "DEEPSEEK_MODE")
    if value is not None and value not in MODES:
        raise _bad("DEEPSEEK_MODE", value, "one of agent, plan, yolo")
    return value


def _sandbox_mode(env: dict[str, str]) -> Policy | None:
    value = given(env, "DEEPSEEK_SANDBOX_MODE")
    for word in POLICY_WORDS:
        if word == value:
            return word
    if value is not None:
        raise _bad("DEEPSEEK_SANDBOX_MODE", value, f"one of {', '.join(POLICY_WORDS)}")
    return None


def _sandbox(all_of: Layer, where: Places, path: str) -> Surface:
    """What is asked for, with our own state hidden from programs: keys, tokens and the log are in it."""
    surface = all_of.sandbox or Surface()
    own = (where.home, where.tasks, where.runtime, where.automations, path)
    return replace(surface, policy=all_of.sandbox_mode, hidden=(*own, *surface.hidden))


def _seconds(env: dict[str, str], name: str, low: float, high: float) -> float | None:
    value = given(env, name)
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not low <= number <= high:
        raise _bad(name, value, f"a number of seconds from {low:g} to {high:g}")
    return number


def _list(env: dict[str, str], name: str) -> tuple[str, ...] | None:
    value = given(env, name)
    return tuple(part.strip() for part in value.split(",") if part.strip()) if value else None


def _stream(layer: Layer) -> Stream:
    plain = Stream()
    return Stream(
        open_timeout=layer.open_timeout,
        idle_timeout=layer.idle_timeout or plain.idle_timeout,
    )


def _tasks(layer: Layer) -> TaskLimits:
    plain = TaskLimits()
    return TaskLimits(
        workers=layer.workers or plain.workers,
        wall=layer.wall_limit or plain.wall,
        idle=layer.idle_limit or plain.idle,
        grace=layer.cancel_grace or plain.grace,
    )


def _audit(file: str, given: Audit | None) -> Audit:
    audit = given or Audit()
    return Audit(enabled=audit.enabled, path=_beside(file, audit.path), max_bytes=audit.max_bytes, keep=audit.keep)


def _optional_path(path: str | None) -> str | None:
    return _absolute(path) if path else None


def _origins(*layers: Layer) -> tuple[str, ...]:
    added = [origin for layer in layers for origin in layer.cors_origins or ()]
    return tuple(dict.fromkeys((*DEFAULT_CORS_ORIGINS, *added)))
