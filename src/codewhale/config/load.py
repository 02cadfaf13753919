"""Settings from a file, its profile, the environment, managed files and the command line, each over the one before.

Invariant: reading settings never writes, never goes on the network, and never fails for a key it does not know. What a
project asks for is not in here: it may only tighten, and does so for each thread (`config.project`).
"""

import os

from msgspec.structs import replace

from codewhale.config.audit import Audit
from codewhale.config.auto import Auto
from codewhale.config.compaction import Compacting
from codewhale.config.credentials import Credentials, credentials_of
from codewhale.config.environment import given
from codewhale.config.layers import Layer, stacked
from codewhale.config.redaction import Redaction
from codewhale.config.routes import routes_of
from codewhale.config.search import search_of
from codewhale.config.settings import DEFAULT_CORS_ORIGINS, Retry, RuntimeApi, Secret, Settings, Stream
from codewhale.config.sources import SYSTEM, Overrides, Sources, absolute, allowed_cage, allowed_policy, find, places
from codewhale.domain.budgets import BudgetPlan
from codewhale.domain.confinement import Surface
from codewhale.domain.errors import ConfigError
from codewhale.domain.hooks import HookSettings
from codewhale.domain.language_servers import LspSettings
from codewhale.domain.network import OPEN
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.domain.tasks import TaskLimits

__all__ = ["Overrides", "load", "places"]


def load(
    overrides: Overrides | None = None, *, environ: dict[str, str] | None = None, system: str = SYSTEM
) -> Settings:
    """The settings of this process. `ConfigError` names the file and key, or the variable, that cannot be used, or the
    requirement that is not met. `system` is the folder of the managed files."""
    over = overrides or Overrides()
    found = find(over, environ, system)
    env, file, variables, where, path = found.env, found.file, found.variables, found.where, found.path
    all_of = stacked((file, variables, over.layer))
    kept = credentials_of(env)
    route, routes = routes_of(file, variables, over.layer, env, kept)
    mode = all_of.mode or "agent"
    return Settings(
        home=where.home,
        config_path=path,
        config_present=found.present,
        profile=found.profile,
        tasks_dir=where.tasks,
        runtime_dir=where.runtime,
        automations_dir=where.automations,
        workspace=_workspace(all_of.workspace),
        route=route,
        routes=routes,
        reasoning_effort=all_of.reasoning_effort,
        allow_shell=all_of.allow_shell,
        mode=mode,
        approval_policy=allowed_policy(found.required, all_of.approval_policy, mode),
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
        sandbox=_sandbox(all_of, found),
        network=all_of.network or OPEN,
        search=search_of(file.search, env),
        redaction=all_of.redaction or Redaction(),
        auto=all_of.auto or Auto(),
        fallback_providers=all_of.fallback_providers or (),
        snapshots=all_of.snapshots or SnapshotLimits(),
        audit=_audit(path, all_of.audit),
        compaction=all_of.compaction or Compacting(),
        vision=all_of.vision,
        budgets=all_of.budgets or BudgetPlan(),
        tool_audit_log=all_of.tool_audit_log,
        allow_insecure_http=bool(all_of.allow_insecure_http),
        proxy=all_of.proxy,
        no_proxy=all_of.no_proxy or (),
        ca_file=absolute(all_of.ca_file) if all_of.ca_file else None,
        skills_dir=_beside(path, all_of.skills_dir) or os.path.join(where.home, "skills"),
        mcp_config=_beside(path, all_of.mcp_config) or os.path.join(where.home, "mcp.json"),
        instructions=tuple(_beside(path, one) or one for one in all_of.instructions or ()),
        notes_path=_beside(path, all_of.notes_path) or os.path.join(where.home, "notes.txt"),
        memory=bool(all_of.memory),
        memory_path=_beside(path, all_of.memory_path),
        user_skills=_user_skills(env),
        gh_bin=_beside(path, all_of.gh_bin),
        always_load=all_of.always_load or (),
        required=found.required,
        kept_secrets=_kept_secrets(kept, found),
        problems=file.problems,
    )


def _beside(file: str, path: str | None) -> str | None:
    """A path out of the settings file: a relative one is meant from the file's own directory."""
    return os.path.normpath(os.path.join(os.path.dirname(file), os.path.expanduser(path))) if path else None


def _workspace(path: str | None) -> str:
    if path is None:
        try:
            return os.getcwd()
        except OSError as e:
            raise ConfigError("the current directory no longer exists", hint="go to another one, or use -w") from e
    real = absolute(path)
    if not os.path.isdir(real):
        raise ConfigError(f"the workspace {real} is not a directory", hint="name an existing directory with -w")
    return real


def _user_skills(env: dict[str, str]) -> tuple[str, ...]:
    """Where other programs keep the person's skills too."""
    home = given(env, "HOME")
    return (os.path.join(home, ".agents/skills"), os.path.join(home, ".claude/skills")) if home else ()


def _sandbox(all_of: Layer, found: Sources) -> Surface:
    """What is asked for, with our own state hidden from programs: keys, tokens and the log are in it."""
    surface = all_of.sandbox or Surface()
    where = found.where
    own = (where.home, where.tasks, where.runtime, where.automations, found.path)
    cage = allowed_cage(found.required, all_of.sandbox_mode)
    return replace(surface, policy=cage, hidden=(*own, *surface.hidden))


def _kept_secrets(kept: Credentials, found: Sources) -> tuple[Secret, ...]:
    """All keys that are kept, whether or not they are used now. Those in the system's keyring are known when they are."""
    stored = [one for name in kept.names() or () if (one := kept.get(name)) is not None]
    return (*(one.key for one in stored), *(Secret(value) for value in found.own_secrets))


def _stream(layer: Layer) -> Stream:
    plain = Stream()
    return Stream(
        open_timeout=layer.open_timeout,
        idle_timeout=layer.idle_timeout or plain.idle_timeout,
        requests_per_second=layer.requests_per_second or plain.requests_per_second,
        burst=layer.burst or plain.burst,
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


def _origins(*layers: Layer) -> tuple[str, ...]:
    added = [origin for layer in layers for origin in layer.cors_origins or ()]
    return tuple(dict.fromkeys((*DEFAULT_CORS_ORIGINS, *added)))
