"""Every key of a settings file and every variable, each with one line that says what it means, for `codewhale config` and
the reference. A key's value in force is found at `at` in `Settings`, so that what is shown is what holds.

`<id>` stands for a name that a person chooses. A test holds this against the types in `keys`: no key is missing or dead.
"""

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from codewhale.config.environment import newer_name
from codewhale.config.keys import FileKeys, Table
from codewhale.config.managed import leaves
from codewhale.domain.nearest import nearest
from codewhale.llm.profiles import load_profile, profile_ids


class Key(Struct, frozen=True):
    """`at` is the path in `Settings`; empty for what only says where to look. `unset` is what holds when nobody says."""

    at: str
    means: str
    unset: str = ""


_SCOPES = {
    "day": "in a day",
    "automation": "of an automation, all its tasks together",
    "task": "of a background task",
    "thread": "of a thread, its whole life",
    "turn": "of one turn",
}
_UNITS = {
    "usd": "US dollars that model calls may cost",
    "tokens": "tokens that model calls may use",
    "requests": "model calls",
    "seconds": "seconds of work",
}

KEYS: dict[str, Key] = {
    "provider": Key("route.provider", "who serves the model"),
    "model": Key("route.model", "the model that is used", "the provider's own default"),
    "fallback_providers": Key(
        "fallback_providers", "providers that answer, in order, when the one in use cannot", "none"
    ),
    "default_text_model": Key("route.model", "the name that earlier files use for `model`", "see `model`"),
    "api_key": Key("routes.deepseek.api_key", "the key of deepseek; `codewhale auth set` is the better place"),
    "base_url": Key("routes.deepseek.base_url", "the address of deepseek's server"),
    "http_headers": Key("routes.deepseek.http_headers", "more headers of requests to deepseek"),
    "reasoning_effort": Key("reasoning_effort", "how much the model thinks first", "as the model does"),
    "allow_shell": Key("allow_shell", "whether commands may be run at all", "`exec` asks for each, a server has none"),
    "mode": Key("mode", "agent; plan only looks; yolo asks nothing"),
    "approval_policy": Key(
        "approval_policy", "on-request asks a person, auto allows, never denies what would be asked"
    ),
    "max_steps": Key("max_steps", "model calls in one turn"),
    "sandbox_mode": Key("sandbox.policy", "what confines the commands that are run", "as the mode says"),
    "allow_insecure_http": Key("allow_insecure_http", "let plain http go to other machines"),
    "proxy": Key("proxy", "the proxy that model servers are reached through"),
    "ca_file": Key("ca_file", "the file of certificates that are trusted", "the system's"),
    "skills_dir": Key("skills_dir", "the folder of your own skills"),
    "mcp_config_path": Key("mcp_config", "the file that lists MCP servers"),
    "notes_path": Key("notes_path", "the file that the tool `note` appends to"),
    "memory_path": Key("memory_path", "the file of what is remembered", "`memory.md` in codewhale's home"),
    "gh_bin": Key("gh_bin", "the program `gh`", "found in PATH"),
    "instructions": Key("instructions", "more files that every request begins with"),
    "managed_config_path": Key("", "one more managed file, which is laid over this one"),
    "requirements_path": Key("", "one more file of requirements, which must be met too"),
    "providers.<id>.api_key": Key("routes.<id>.api_key", "its key; `codewhale auth set` is the better place"),
    "providers.<id>.api_key_env": Key("routes.<id>.api_key_env", "the variable that holds its key"),
    "providers.<id>.base_url": Key("routes.<id>.base_url", "its address"),
    "providers.<id>.model": Key("routes.<id>.model", "the model to use there"),
    "providers.<id>.dialect": Key("routes.<id>.dialect", "how it is spoken to", "as its profile says, else chat"),
    "providers.<id>.kind": Key("routes.<id>.dialect", "the name that other files use for `dialect`"),
    "providers.<id>.http_headers": Key("routes.<id>.http_headers", "more headers of requests to it"),
    "providers.<id>.context_window": Key("routes.<id>.context_window", "tokens that fit in its window"),
    "providers.<id>.max_output": Key("routes.<id>.max_output", "tokens that one answer may have"),
    "retry.enabled": Key("retry.enabled", "repeat model calls that failed for a passing reason"),
    "retry.max_retries": Key("retry.max_retries", "how often"),
    "retry.initial_delay": Key("retry.initial_delay", "seconds before the first repeat"),
    "retry.max_delay": Key("retry.max_delay", "seconds before any repeat, at most"),
    "stream.open_timeout": Key("stream.open_timeout", "seconds until an answer must begin", "the provider's, else 45"),
    "stream.idle_timeout": Key("stream.idle_timeout", "seconds that a begun answer may be silent"),
    "stream.requests_per_second": Key("stream.requests_per_second", "calls a second to one endpoint, after a burst"),
    "stream.burst": Key("stream.burst", "calls to one endpoint that may be made at once"),
    "runtime_api.cors_origins": Key("runtime_api.cors_origins", "more origins that browsers may call the server from"),
    "tasks.workers": Key("tasks.workers", "background tasks at once"),
    "tasks.wall_limit": Key("tasks.wall", "seconds that a task may take"),
    "tasks.idle_limit": Key("tasks.idle", "seconds that a task may be silent"),
    "tasks.cancel_grace": Key("tasks.grace", "seconds that a canceled task has to stop in"),
    "tools.always_load": Key("always_load", "tools that every request carries from the start"),
    "memory.enabled": Key("memory", "let the model remember things between conversations"),
    "lsp.enabled": Key("lsp.enabled", "check edits with language servers"),
    "lsp.poll_after_edit_ms": Key("lsp.wait_ms", "how long an edit waits for what they find"),
    "lsp.max_diagnostics_per_file": Key("lsp.max_per_file", "findings that are told for one file"),
    "lsp.include_warnings": Key("lsp.include_warnings", "tell warnings too, not only errors"),
    "lsp.servers": Key("lsp.servers", "the command of a language's server, by language"),
    "lsp.custom.<id>.command": Key("lsp.custom.<id>.argv", "the program of a server of your own"),
    "lsp.custom.<id>.args": Key("lsp.custom.<id>.argv", "its arguments"),
    "lsp.custom.<id>.language_id": Key("lsp.custom.<id>.language_id", "the language that it is told"),
    "lsp.custom.<id>.extensions": Key("lsp.custom.<id>.extensions", "the ends of the names of its files"),
    "hooks.enabled": Key("hooks.enabled", "run programs at points of a turn"),
    "hooks.default_timeout_secs": Key("", "seconds that a hook may take when it does not say", "30"),
    "hooks.working_dir": Key("hooks.working_dir", "the folder that hooks run in", "the workspace"),
    "hooks.hooks": Key("hooks.hooks", "the hooks: see the page on hooks"),
    "hooks.sinks": Key("hooks.sinks", "where events are delivered to"),
    "sandbox.writable_roots": Key("sandbox.writable", "more folders that commands may write"),
    "sandbox.hidden": Key("sandbox.hidden", "more places that commands must not see"),
    "sandbox.network": Key("sandbox.network", "let commands reach allowed hosts"),
    "network.default": Key("network.default", "what becomes of a host that no rule names", "allow; with rules, prompt"),
    "network.allow": Key("network.allow", "hosts that may be reached"),
    "network.deny": Key("network.deny", "hosts that may not be reached"),
    "network.proxy": Key("network.proxy", "hosts that stand behind a proxy with addresses of its own"),
    "network.audit": Key("network.audit", "write connections to the audit log"),
    "search.provider": Key("search.provider", "who is asked to search the web"),
    "search.api_key": Key("search.api_key", "its key; a variable is the better place"),
    "search.url": Key("search.url", "the address of an instance of your own"),
    "redaction.off": Key("redaction.off", "kinds of secrets that are not looked for"),
    "redaction.extra": Key("redaction.extra", "exact texts that are taken out too"),
    "redaction.patterns": Key("redaction.patterns", "patterns of your own that are taken out"),
    "auto.cost_saving": Key("auto.cost_saving", '`model = "auto"` chooses the strong model less often'),
    "auto.strong": Key("auto.strong", "the model for hard work", "the provider's"),
    "auto.fast": Key("auto.fast", "the model for all else", "the provider's"),
    "auto.router.enabled": Key("auto.router.enabled", "ask a model where a message tells too little"),
    "auto.router.model": Key("auto.router.model", "the model that is asked", "the fast one"),
    "auto.router.thinking": Key("auto.router.thinking", "how much it thinks first"),
    "auto.router.timeout_secs": Key("auto.router.timeout_secs", "seconds it may take"),
    "snapshots.enabled": Key("snapshots.enabled", "keep what undo needs"),
    "snapshots.max_age_days": Key("snapshots.max_age_days", "days that a saved state stays"),
    "snapshots.max_workspace_gb": Key("snapshots.max_workspace_gb", "a larger folder is not saved"),
    "snapshots.max_count": Key("snapshots.max_count", "saved states of one folder"),
    "snapshots.max_disk_mb": Key("snapshots.max_disk_mb", "space that those of one folder may take"),
    "snapshots.max_file_mb": Key("snapshots.max_file_mb", "a larger file is not saved"),
    "compaction.auto": Key(
        "compaction.auto", "make a conversation smaller before its model's window is full", "where the window is known"
    ),
    "compaction.threshold_percent": Key("compaction.threshold_percent", "the share of the window where that happens"),
    "audit.enabled": Key("audit.enabled", "keep an audit log"),
    "audit.path": Key("audit.path", "its file", "`audit.log` in codewhale's home"),
    "audit.max_bytes": Key("audit.max_bytes", "its size before it is put aside"),
    "audit.keep": Key("audit.keep", "how many of those stay"),
    "budgets.unknown_price": Key("budgets.unknown_price", "what becomes of a call whose price nobody knows"),
    "budgets.report_share": Key("budgets.report_share", "share of each cap that only a final report may use"),
    **{
        f"budgets.{scope}.{unit}": Key(f"budgets.caps.{scope}.{unit}", f"{means} {whole}", "no limit")
        for scope, whole in _SCOPES.items()
        for unit, means in _UNITS.items()
    },
    "vision_model.model": Key("vision.model", "the model that looks at pictures", "no such tool"),
    "vision_model.base_url": Key("vision.base_url", "its address"),
    "vision_model.api_key": Key("vision.api_key", "its key; `api_key_env` is the better place"),
    "vision_model.api_key_env": Key("vision.api_key_env", "the variable that holds its key"),
}

SECRET_KEYS = frozenset({"api_key", "providers.<id>.api_key", "search.api_key", "vision_model.api_key"})

VARIABLES: dict[str, tuple[str, str]] = {
    "DEEPSEEK_HOME": ("", "the folder of everything (default `~/.deepseek`)"),
    "DEEPSEEK_CONFIG_PATH": ("", "the settings file"),
    "DEEPSEEK_PROFILE": ("", "the profile to lay over it"),
    "DEEPSEEK_MANAGED_CONFIG_PATH": ("managed_config_path", "one more managed file"),
    "DEEPSEEK_REQUIREMENTS_PATH": ("requirements_path", "one more file of requirements"),
    "DEEPSEEK_SECRET_BACKEND": ("", "where `codewhale auth` keeps keys: `file` or `system`"),
    "DEEPSEEK_WORKSPACE": ("", "the folder to work in"),
    "DEEPSEEK_TASKS_DIR": ("", "the folder of tasks, and of threads under it"),
    "DEEPSEEK_RUNTIME_DIR": ("", "the folder of threads"),
    "DEEPSEEK_AUTOMATIONS_DIR": ("", "the folder of automations"),
    "DEEPSEEK_RUNTIME_TOKEN": ("", "the token of the server"),
    "DEEPSEEK_TOOL_AUDIT_LOG": ("", "a second audit log, with every tool call"),
    "DEEPSEEK_PROVIDER": ("provider", "who serves the model"),
    "DEEPSEEK_MODEL": ("model", "the model that is used"),
    "DEEPSEEK_DEFAULT_TEXT_MODEL": ("model", "the older name of `DEEPSEEK_MODEL`"),
    "DEEPSEEK_API_KEY": ("api_key", "the key of deepseek"),
    "DEEPSEEK_BASE_URL": ("base_url", "the address of deepseek's server"),
    "DEEPSEEK_HTTP_HEADERS": ("http_headers", "more headers for deepseek: `Name=value`, commas between"),
    "DEEPSEEK_ALLOW_SHELL": ("allow_shell", "whether commands may be run at all"),
    "DEEPSEEK_MODE": ("mode", "agent, plan or yolo"),
    "DEEPSEEK_YOLO": ("mode", "true: yolo"),
    "DEEPSEEK_APPROVAL_POLICY": ("approval_policy", "what becomes of what would be asked"),
    "DEEPSEEK_SANDBOX_MODE": ("sandbox_mode", "what confines commands"),
    "DEEPSEEK_RATE_LIMIT_RPS": ("stream.requests_per_second", "calls a second to one endpoint"),
    "DEEPSEEK_RATE_LIMIT_BURST": ("stream.burst", "calls to one endpoint that may be made at once"),
    "DEEPSEEK_STREAM_OPEN_TIMEOUT_SECS": ("stream.open_timeout", "seconds until an answer must begin"),
    "DEEPSEEK_STREAM_IDLE_TIMEOUT_SECS": ("stream.idle_timeout", "seconds that a begun answer may be silent"),
    "DEEPSEEK_CORS_ORIGINS": ("runtime_api.cors_origins", "more origins for browsers, commas between"),
    "DEEPSEEK_ALLOW_INSECURE_HTTP": ("allow_insecure_http", "let plain http go to other machines"),
    "DEEPSEEK_SKILLS_DIR": ("skills_dir", "the folder of your own skills"),
    "DEEPSEEK_MCP_CONFIG": ("mcp_config_path", "the file that lists MCP servers"),
    "DEEPSEEK_NOTES_PATH": ("notes_path", "the file that the tool `note` appends to"),
    "DEEPSEEK_MEMORY": ("memory.enabled", "let the model remember things"),
    "DEEPSEEK_MEMORY_PATH": ("memory_path", "the file of what is remembered"),
    "DEEPSEEK_GH_BIN": ("gh_bin", "the program `gh`"),
    "DEEPSEEK_SEARCH_PROVIDER": ("search.provider", "who is asked to search the web"),
    "DEEPSEEK_SEARCH_API_KEY": ("search.api_key", "its key"),
}
"""The variables of our own: which key each sets, and what it means. `CODEWHALE_X` is the newer spelling of `DEEPSEEK_X`."""

OTHERS: dict[str, tuple[str, str]] = {
    "HTTPS_PROXY": ("proxy", "the proxy that model servers are reached through"),
    "ALL_PROXY": ("proxy", "the same, when there is no `HTTPS_PROXY`"),
    "NO_PROXY": ("", "hosts that are reached without it"),
    "SSL_CERT_FILE": ("ca_file", "the file of certificates that are trusted"),
    "BRAVE_API_KEY": ("search.api_key", "the key of the search service brave"),
    "TAVILY_API_KEY": ("search.api_key", "the key of the search service tavily"),
    "BOCHA_API_KEY": ("search.api_key", "the key of the search service bocha"),
}
"""Variables that other programs share."""


def pattern_of(path: Sequence[str]) -> str:
    """The key in `KEYS` that a path fits, `<id>` for a chosen name. `KeyError` with the path when there is none."""
    dotted = ".".join(path)
    if dotted in KEYS:
        return dotted
    for pattern in KEYS:
        parts = pattern.split(".")
        if len(parts) == len(path) and all(a in ("<id>", b) for a, b in zip(parts, path, strict=True)):
            return pattern
    raise KeyError(dotted)


def types_of(struct: type[Struct] = FileKeys, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its type, as the reader of files has them."""
    for field in msgspec.structs.fields(struct):
        inner = _section(field.type)
        given = typing.get_args(inner)
        name = prefix + field.encode_name
        if isinstance(inner, type) and issubclass(inner, Struct):
            yield from types_of(inner, f"{name}.")
        elif typing.get_origin(inner) is dict and isinstance(given[1], type) and issubclass(given[1], Struct):
            yield from types_of(given[1], f"{name}.<id>.")
        else:
            yield name, inner


def _section(kind: Any) -> Any:
    """The record of a section that may be left out."""
    given = [one for one in typing.get_args(kind) if one is not type(None)]
    section = given[0] if len(given) == 1 and isinstance(kind, types.UnionType) else kind
    return section if isinstance(section, type) and issubclass(section, Struct) else kind


def variables_of(pattern: str, path: Sequence[str]) -> list[str]:
    """The variables that set a key, the one that is looked at first in front."""
    own = [name for name, (key, _) in VARIABLES.items() if key == pattern]
    found = [newer for name in own if (newer := newer_name(name)) is not None]
    found += [*own, *(name for name, (key, _) in OTHERS.items() if key == pattern)]
    if pattern.startswith("providers.<id>."):
        profile = load_profile(path[1])
        if profile is not None:
            fields = {"api_key": profile.key_env, "base_url": profile.base_url_env, "model": profile.model_env}
            found += fields.get(path[-1], ())
    return found


def without_overruled(env: dict[str, str], managed: Iterable[tuple[str, Table]]) -> dict[str, str]:
    """The environment without the variables of keys that a managed file sets."""
    paths = [key.split(".") for _, table in managed for key, _ in leaves(table)]
    gone: set[str] = set()
    for path in paths:
        try:
            gone.update(variables_of(pattern_of(path), path))
        except KeyError:  # not a key, or a part of one: reported where the file is read
            gone.update(variables_of(path[0], path))
    gone.update(name.lower() for name in tuple(gone) if name.endswith("_PROXY"))
    return {name: value for name, value in env.items() if name not in gone}


_OURS = frozenset({"CODEWHALE_PROCESS", "CODEWHALE_CALL"})
"""What codewhale itself gives to the programs that it starts."""


def unread_variables(env: dict[str, str]) -> list[str]:
    """What is set in our name and read by nobody, in words, with what was probably meant."""
    known = {*VARIABLES, *filter(None, map(newer_name, VARIABLES)), *provider_variables(), *_OURS}
    found: list[str] = []
    for name in sorted(env):
        if name.startswith(("DEEPSEEK_", "CODEWHALE_")) and name not in known and env[name].strip():
            prefix, _, rest = name.partition("_")
            meant = nearest(rest, [one.partition("_")[2] for one in known if one.startswith(prefix)])
            hint = f"; did you mean {prefix}_{meant}?" if meant else ""
            found.append(f"{name} is read by nothing in this version{hint}")
    return found


def provider_variables() -> dict[str, tuple[str, str]]:
    """The variables of providers, from their profiles: which key each sets."""
    found: dict[str, tuple[str, str]] = {}
    for name in profile_ids():
        profile = load_profile(name)
        if profile is not None:
            for key, names in (
                ("api_key", profile.key_env),
                ("base_url", profile.base_url_env),
                ("model", profile.model_env),
            ):
                for variable in names:
                    found.setdefault(variable, (f"providers.{name}.{key}", profile.title))
    return found
