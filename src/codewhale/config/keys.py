"""The keys of a settings file: their names and types, and reading them with errors that name file and key.

A key of the wrong type is fatal; a key that is not known is a `Problem` with a suggestion, never fatal.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, cast, get_args

import msgspec
from msgspec import Meta, Struct, field

from codewhale.config.audit import Audit
from codewhale.config.auto import AutoKeys, auto_of
from codewhale.config.budgets import BudgetKeys, budget_plan
from codewhale.config.compaction import Compacting
from codewhale.config.hooks import HooksKeys, hook_settings
from codewhale.config.layers import Layer, ProviderLayer
from codewhale.config.lsp import LspKeys, lsp_settings
from codewhale.config.managed import anchored, yielding
from codewhale.config.memory import MemoryKeys
from codewhale.config.network import NetworkKeys, network_policy
from codewhale.config.redaction import Redaction
from codewhale.config.sandbox import SandboxKeys, surface_of
from codewhale.config.search import SearchKeys, search_keys
from codewhale.config.settings import POLICIES, Problem, Retry, Secret
from codewhale.config.snapshots import SnapshotKeys, snapshot_limits
from codewhale.config.tools import ToolKeys, tool_problems
from codewhale.config.vision import VisionKeys, vision_of
from codewhale.domain.errors import ConfigError
from codewhale.domain.messages import Effort
from codewhale.domain.nearest import nearest
from codewhale.llm.profiles import Dialect

Count = Annotated[int, Meta(ge=0, le=1000)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Days = Annotated[float, Meta(gt=0, le=604_800)]
Text = Annotated[str, Meta(min_length=1)]
Tokens = Annotated[int, Meta(ge=256, le=100_000_000)]


class ProviderKeys(Struct, frozen=True, kw_only=True):
    """`[providers.<id>]`; an id that is not built in needs `base_url`."""

    api_key: Text | None = None
    api_key_env: Text | None = None
    base_url: Text | None = None
    model: Text | None = None
    dialect: Dialect | None = None
    kind: Literal["openai-compatible", "chat", "anthropic", "responses"] | None = None
    http_headers: dict[str, str] = field(default_factory=dict[str, str])
    context_window: Tokens | None = None
    max_output: Tokens | None = None


class RetryKeys(Struct, frozen=True, kw_only=True):
    """`[retry]`."""

    enabled: bool | None = None
    max_retries: Count | None = None
    initial_delay: Seconds | None = None
    max_delay: Seconds | None = None


class StreamKeys(Struct, frozen=True, kw_only=True):
    """`[stream]`, in seconds, and how many calls to one endpoint."""

    open_timeout: Annotated[float, Meta(ge=1, le=300)] | None = None
    idle_timeout: Seconds | None = None
    requests_per_second: Annotated[float, Meta(ge=0.1, le=1000)] | None = None
    burst: Annotated[int, Meta(ge=1, le=1000)] | None = None


class RuntimeApiKeys(Struct, frozen=True, kw_only=True):
    """`[runtime_api]`."""

    cors_origins: tuple[Text, ...] = ()


class TaskKeys(Struct, frozen=True, kw_only=True):
    """`[tasks]`: how many background tasks run at once, and seconds."""

    workers: Annotated[int, Meta(ge=1, le=8)] | None = None
    wall_limit: Days | None = None
    idle_limit: Days | None = None
    cancel_grace: Seconds | None = None


class FileKeys(Struct, frozen=True, kw_only=True):
    """A settings file. `default_text_model` is the name that earlier files use for `model`."""

    provider: Text | None = None
    model: Text | None = None
    fallback_providers: tuple[Text, ...] = ()
    default_text_model: Text | None = None
    api_key: Text | None = None
    base_url: Text | None = None
    http_headers: dict[str, str] = field(default_factory=dict[str, str])
    reasoning_effort: Effort | None = None
    allow_shell: bool | None = None
    mode: Literal["agent", "plan", "yolo"] | None = None
    approval_policy: Literal["on-request", "suggest", "untrusted", "auto", "never", "deny"] | None = None
    max_steps: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    sandbox_mode: Literal["read-only", "workspace-write", "danger-full-access", "external-sandbox"] | None = None
    allow_insecure_http: bool | None = None
    proxy: Text | None = None
    ca_file: Text | None = None
    skills_dir: Text | None = None
    mcp_config_path: Text | None = None
    notes_path: Text | None = None
    memory_path: Text | None = None
    gh_bin: Text | None = None
    instructions: tuple[Text, ...] = ()
    managed_config_path: Text | None = None
    requirements_path: Text | None = None
    providers: dict[str, ProviderKeys] = field(default_factory=dict[str, ProviderKeys])
    retry: RetryKeys = RetryKeys()
    stream: StreamKeys = StreamKeys()
    runtime_api: RuntimeApiKeys = RuntimeApiKeys()
    tasks: TaskKeys = TaskKeys()
    tools: ToolKeys = ToolKeys()
    lsp: LspKeys = LspKeys()
    hooks: HooksKeys = HooksKeys()
    sandbox: SandboxKeys = SandboxKeys()
    network: NetworkKeys | None = None
    search: SearchKeys | None = None
    redaction: Redaction = Redaction()
    auto: AutoKeys = AutoKeys()
    snapshots: SnapshotKeys = SnapshotKeys()
    audit: Audit = Audit()
    compaction: Compacting = Compacting()
    memory: MemoryKeys = MemoryKeys()
    vision_model: VisionKeys | None = None
    budgets: BudgetKeys = BudgetKeys()


Table = dict[str, object]
_TABLES: dict[str, type[Struct]] = {
    "retry": RetryKeys,
    "stream": StreamKeys,
    "runtime_api": RuntimeApiKeys,
    "tasks": TaskKeys,
    "tools": ToolKeys,
    "lsp": LspKeys,
    "hooks": HooksKeys,
    "sandbox": SandboxKeys,
    "network": NetworkKeys,
    "search": SearchKeys,
    "redaction": Redaction,
    "auto": AutoKeys,
    "snapshots": SnapshotKeys,
    "audit": Audit,
    "compaction": Compacting,
    "memory": MemoryKeys,
    "vision_model": VisionKeys,
    "budgets": BudgetKeys,
}


def read(path: str) -> Table:
    """The table in the file at `path`. `ConfigError` when it cannot be read or is not TOML."""
    try:
        with open(path, "rb") as f:
            return tomllib.load(f)
    except OSError as e:
        raise ConfigError(
            f"cannot read the settings file {path}: {e.strerror}",
            hint="make it readable, or name another one with --config",
        ) from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(
            f"{path} is not valid TOML: {e}", hint="correct that line, or name another file with --config"
        ) from e


def layer_of(table: Table, path: str, profile: str | None, managed: Sequence[tuple[str, Table]] = ()) -> Layer:
    """The layer that a file's table is, with `[profiles.<profile>]` laid over it and the managed ones over that, the last on
    top. `ConfigError` for a value of the wrong type, which names its file, or for a profile that is not there."""
    keys, found = decode(table, path, profile)
    problems = [*found]
    if managed:
        whole = with_profile(table, path, profile)
        for place, above in managed:
            decode(above, place, None)
            whole = merged(
                yielding(whole, above), anchored({k: v for k, v in above.items() if k not in _PERSONAL}, place)
            )
            problems += _unknown(above, place, "")
        keys, _ = decode(whole, path, None)
    return _layer(keys, (*problems, *tool_problems(keys.tools, path)), path)


_PERSONAL = frozenset({"profiles", "managed_config_path", "requirements_path"})
"""What a managed file cannot say."""


def _layer(keys: FileKeys, problems: tuple[Problem, ...], path: str) -> Layer:
    return Layer(
        provider=keys.provider,
        model=keys.model or keys.default_text_model,
        base_url=keys.base_url,
        api_key=_secret(keys.api_key),
        http_headers=keys.http_headers or None,
        reasoning_effort=keys.reasoning_effort,
        allow_shell=keys.allow_shell,
        mode=keys.mode,
        approval_policy=POLICIES[keys.approval_policy] if keys.approval_policy else None,
        max_steps=keys.max_steps,
        retry=_retry(keys.retry),
        open_timeout=keys.stream.open_timeout,
        idle_timeout=keys.stream.idle_timeout,
        requests_per_second=keys.stream.requests_per_second,
        burst=keys.stream.burst,
        cors_origins=keys.runtime_api.cors_origins or None,
        workers=keys.tasks.workers,
        wall_limit=keys.tasks.wall_limit,
        idle_limit=keys.tasks.idle_limit,
        cancel_grace=keys.tasks.cancel_grace,
        lsp=lsp_settings(keys.lsp),
        hooks=hook_settings(keys.hooks, path) if keys.hooks != HooksKeys() else None,
        sandbox_mode=keys.sandbox_mode,
        sandbox=surface_of(keys.sandbox, path),
        network=network_policy(keys.network, path),
        search=search_keys(keys.search, path),
        redaction=keys.redaction,
        auto=auto_of(keys.auto),
        fallback_providers=keys.fallback_providers or None,
        snapshots=snapshot_limits(keys.snapshots),
        audit=keys.audit,
        compaction=keys.compaction,
        vision=vision_of(keys.vision_model),
        budgets=budget_plan(keys.budgets),
        allow_insecure_http=keys.allow_insecure_http,
        proxy=keys.proxy,
        ca_file=keys.ca_file,
        skills_dir=keys.skills_dir,
        mcp_config=keys.mcp_config_path,
        notes_path=keys.notes_path,
        memory=keys.memory.enabled,
        memory_path=keys.memory_path,
        gh_bin=keys.gh_bin,
        instructions=keys.instructions or None,
        always_load=keys.tools.always_load or None,
        providers={name: _provider(p) for name, p in keys.providers.items()},
        problems=problems,
    )


def _provider(keys: ProviderKeys) -> ProviderLayer:
    return ProviderLayer(
        api_key=_secret(keys.api_key),
        api_key_env=keys.api_key_env,
        base_url=keys.base_url,
        model=keys.model,
        dialect=keys.dialect or _KINDS.get(keys.kind or ""),
        http_headers=keys.http_headers,
        context_window=keys.context_window,
        max_output=keys.max_output,
    )


_KINDS: dict[str, Dialect] = {
    "openai-compatible": "chat",
    "chat": "chat",
    "anthropic": "anthropic",
    "responses": "responses",
}


def _retry(keys: RetryKeys) -> Retry:
    return Retry(**{k: v for k, v in msgspec.structs.asdict(keys).items() if v is not None})


def _secret(value: str | None) -> Secret | None:
    return Secret(value.strip()) if value and value.strip() else None


def decode(table: Table, path: str, profile: str | None) -> tuple[FileKeys, tuple[Problem, ...]]:
    """The file's keys with those of `[profiles.<profile>]` laid over them. `ConfigError` for a wrong type or a profile
    that is not there."""
    rest: Table = {k: v for k, v in table.items() if k != "profiles"}
    problems = [*_unknown(rest, path, "")]
    if profile is not None:
        problems += _unknown(profile_of(table, path, profile), path, f"profiles.{profile}.")
    rest = with_profile(table, path, profile)
    try:
        return msgspec.convert(rest, FileKeys, strict=True), tuple(problems)
    except msgspec.ValidationError as error:
        raise _wrong(error, path, rest) from None


def profile_of(table: Table, path: str, profile: str) -> Table:
    """The table of a profile. `ConfigError` when there is none."""
    profiles = _table(table.get("profiles", {}), path, "profiles")
    if profile not in profiles:
        names = ", ".join(sorted(profiles)) or "none"
        raise ConfigError(f"{path} has no profile {profile!r}", hint=f"profiles there: {names}")
    return _table(profiles[profile], path, f"profiles.{profile}")


def with_profile(table: Table, path: str, profile: str | None) -> Table:
    """The table without its profiles, the chosen one laid over it."""
    _table(table.get("profiles", {}), path, "profiles")
    rest: Table = {k: v for k, v in table.items() if k != "profiles"}
    return rest if profile is None else merged(rest, profile_of(table, path, profile))


def _wrong(error: msgspec.ValidationError, path: str, table: Table) -> ConfigError:
    """The type error with the file and the key that it is about."""
    what, _, where = str(error).partition(" - at `$")
    key = where.rstrip("`").lstrip(".") or "the file"
    if key.startswith("providers[...]"):
        key = f"providers.{_wrong_provider(table)}{key.removeprefix('providers[...]')}"
    what = what.replace(" | null", "").replace("`object`", "a table")
    few = get_args(next(iter(get_args(FileKeys.__annotations__.get(key))), None))
    words = [word for word in few if isinstance(word, str)]
    return ConfigError(f"{path}: {key}: {what}", hint=f"it may be {', '.join(words)}" if words else _TYPES_HINT)


def _wrong_provider(table: Table) -> str:
    for name, keys in cast("Table", table["providers"]).items():
        try:
            msgspec.convert(keys, ProviderKeys, strict=True)
        except msgspec.ValidationError:
            return name
    return "?"


_TYPES_HINT = "docs/reference/settings.md lists the settings and their types"


def _table(value: object, path: str, key: str) -> Table:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key}: Expected a table, got `{type(value).__name__}`", hint=_TYPES_HINT)
    return cast(Table, value)


def merged(below: Table, above: Table) -> Table:
    """Both tables, leaf by leaf; `above` hides `below`."""
    out = dict(below)
    for key, value in above.items():
        old = out.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            out[key] = merged(cast(Table, old), cast(Table, value))
        else:
            out[key] = value
    return out


def _unknown(table: Table, path: str, prefix: str) -> Iterator[Problem]:
    for key, value in table.items():
        if key not in FileKeys.__struct_fields__:
            yield _problem(path, prefix, key, FileKeys)
        elif isinstance(value, dict):
            inner = cast(Table, value)
            if key == "providers":
                for name, keys in inner.items():
                    if isinstance(keys, dict):
                        yield from _strangers(cast(Table, keys), path, f"{prefix}providers.{name}.", ProviderKeys)
            elif key in _TABLES:
                yield from _strangers(inner, path, f"{prefix}{key}.", _TABLES[key])


def _strangers(table: Mapping[str, object], path: str, prefix: str, known: type[Struct]) -> Iterator[Problem]:
    for key in table:
        if key not in known.__struct_fields__:
            yield _problem(path, prefix, key, known)


_OLD: dict[str, str] = {
    "yolo": 'write mode = "yolo"',
    "auto_allow": "write rules: `codewhale policy rules add allow ...`",
    "tools_file": "nothing ever read it",
    "sandbox_backend": "write sandbox_mode; `codewhale sandbox probe` says what works here",
}
"""Keys of earlier files that do nothing now, and what to do instead."""


def _problem(path: str, prefix: str, key: str, known: type[Struct]) -> Problem:
    if known is FileKeys and key in _OLD:
        return Problem(path=path, key=prefix + key, message=f"does nothing in this version; {_OLD[key]}")
    meant = nearest(key, known.__struct_fields__)
    return Problem(
        path=path,
        key=prefix + key,
        message="not a setting of this version; ignored",
        suggestion=prefix + meant if meant else None,
    )
