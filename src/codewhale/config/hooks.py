"""`[hooks]`: programs at named points and sinks for events. A condition or event that does not exist is an error when the file
is read: a hook that silently never runs protects nobody.
"""

import os
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.errors import ConfigError
from codewhale.domain.hooks import Always, Condition, Hook, HookEvent, HookSettings, Sink

Timeout = Annotated[float, Meta(gt=0, le=3600)]
_LOCAL = re.compile(r"http://(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?:[:/]|$)")
MAX_PROJECT_FILE = 256 * 1024


class HookKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[hooks.hooks]]`."""

    event: HookEvent
    command: Annotated[str, Meta(min_length=1)]
    name: str | None = None
    condition: Condition = Always()
    timeout_secs: Timeout | None = None
    background: bool = False
    continue_on_error: bool = True
    strict: bool = False


class SinkKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[hooks.sinks]]`: `path` for jsonl, `url` (and `secret_env`) for webhook."""

    type: Literal["stdout", "jsonl", "webhook"]
    path: str | None = None
    url: str | None = None
    secret_env: str | None = None
    events: tuple[str, ...] = ()


class HooksKeys(Struct, frozen=True, kw_only=True):
    """`[hooks]`."""

    enabled: bool = True
    default_timeout_secs: Timeout = 30.0
    working_dir: str | None = None
    hooks: tuple[HookKeys, ...] = ()
    sinks: tuple[SinkKeys, ...] = ()


def hook_settings(keys: HooksKeys, path: str) -> HookSettings:
    """The settings out of the file `path`; relative paths are meant from its folder."""
    folder = os.path.dirname(path)
    return HookSettings(
        enabled=keys.enabled,
        working_dir=os.path.join(folder, os.path.expanduser(keys.working_dir)) if keys.working_dir else None,
        hooks=_hooks(keys, path),
        sinks=tuple(_sink(sink, folder, path) for sink in keys.sinks),
    )


def project_hooks(content: bytes, path: str) -> tuple[Hook, ...]:
    """The hooks of a project's `hooks.toml` (`[[hooks]]`, or as in the settings). Only for content that is trusted."""
    import tomllib  # noqa: PLC0415 - start-up: most projects have none

    try:
        table = tomllib.loads(content[:MAX_PROJECT_FILE].decode())
        inner = table.get("hooks", {})
        keys = msgspec.convert({"hooks": inner} if isinstance(inner, list) else inner, HooksKeys)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path} cannot be used: {error}", hint="correct it; until then no hook of it runs") from None
    return _hooks(keys, path)


def _hooks(keys: HooksKeys, path: str) -> tuple[Hook, ...]:
    for one in keys.hooks:
        if one.strict and (one.background or one.event != "tool_call_before"):
            raise ConfigError(
                f"{path}: hooks: {one.name or one.event}: only a tool_call_before hook in the foreground can be strict",
                hint="take `strict` away, or let the hook wait for its verdict",
            )
    return tuple(
        Hook(
            event=one.event,
            command=one.command,
            name=one.name or f"{one.event} #{number}",
            source=path,
            condition=one.condition,
            timeout=one.timeout_secs or keys.default_timeout_secs,
            background=one.background,
            continue_on_error=one.continue_on_error,
            strict=one.strict,
        )
        for number, one in enumerate(keys.hooks, 1)
    )


def _sink(keys: SinkKeys, folder: str, path: str) -> Sink:
    wanted = {"jsonl": keys.path, "webhook": keys.url, "stdout": ""}[keys.type]
    if wanted is None:
        needed = "path" if keys.type == "jsonl" else "url"
        raise ConfigError(f"{path}: hooks.sinks: a {keys.type} sink needs `{needed}`", hint=f'add {needed} = "…"')
    target = os.path.join(folder, os.path.expanduser(wanted)) if keys.type == "jsonl" else wanted
    if keys.type == "webhook" and not wanted.startswith(("https://", "http://")):
        raise ConfigError(f"{path}: hooks.sinks: {wanted!r} is no http(s) address", hint="write the whole address")
    if keys.type == "webhook" and wanted.startswith("http://") and not _LOCAL.match(wanted):
        raise ConfigError(f"{path}: hooks.sinks: {wanted} would be sent in the clear", hint="use https://")
    return Sink(kind=keys.type, target=target, events=keys.events, secret_env=keys.secret_env)
