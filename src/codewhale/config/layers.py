"""One layer of settings: what a file, the environment or the command line gave; None is "not given".

Layers are values of one shape, so that putting them on top of each other is one loop and no layer can hold a key that
another cannot override.
"""

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from codewhale.config.audit import Audit
from codewhale.config.auto import Auto
from codewhale.config.compaction import Compacting
from codewhale.config.redaction import Redaction
from codewhale.config.settings import ApprovalPolicy, Problem, Retry, Search, Secret, Vision
from codewhale.domain.budgets import BudgetPlan
from codewhale.domain.confinement import Policy, Surface
from codewhale.domain.hooks import HookSettings
from codewhale.domain.language_servers import LspSettings
from codewhale.domain.messages import Effort
from codewhale.domain.network import NetworkPolicy
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.llm.profiles import Dialect


class ProviderLayer(Struct, frozen=True, kw_only=True):
    """What a file says about one provider; `api_key_env` names the variable that holds the key."""

    api_key: Secret | None = None
    api_key_env: str | None = None
    base_url: str | None = None
    model: str | None = None
    dialect: Dialect | None = None
    http_headers: dict[str, str] = field(default_factory=dict[str, str])
    context_window: int | None = None
    max_output: int | None = None


class Layer(Struct, frozen=True, kw_only=True):
    """All that one source gave. `base_url`, `api_key` and `http_headers` without a provider mean `deepseek` in a file
    and in the environment, and the active provider on the command line."""

    provider: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_key: Secret | None = None
    http_headers: dict[str, str] | None = None
    reasoning_effort: Effort | None = None
    allow_shell: bool | None = None
    mode: str | None = None
    approval_policy: ApprovalPolicy | None = None
    max_steps: int | None = None
    retry: Retry | None = None
    open_timeout: float | None = None
    idle_timeout: float | None = None
    requests_per_second: float | None = None
    burst: int | None = None
    cors_origins: tuple[str, ...] | None = None
    runtime_token: Secret | None = None
    workers: int | None = None
    wall_limit: float | None = None
    idle_limit: float | None = None
    cancel_grace: float | None = None
    redaction: Redaction | None = None
    auto: Auto | None = None
    fallback_providers: tuple[str, ...] | None = None
    snapshots: SnapshotLimits | None = None
    vision: Vision | None = None
    budgets: BudgetPlan | None = None
    audit: Audit | None = None
    compaction: Compacting | None = None
    tool_audit_log: str | None = None
    allow_insecure_http: bool | None = None
    proxy: str | None = None
    no_proxy: tuple[str, ...] | None = None
    ca_file: str | None = None
    skills_dir: str | None = None
    mcp_config: str | None = None
    notes_path: str | None = None
    memory: bool | None = None
    memory_path: str | None = None
    gh_bin: str | None = None
    instructions: tuple[str, ...] | None = None
    always_load: tuple[str, ...] | None = None
    workspace: str | None = None
    lsp: LspSettings | None = None
    hooks: HookSettings | None = None
    sandbox_mode: Policy | None = None
    sandbox: Surface | None = None
    network: NetworkPolicy | None = None
    search: Search | None = None
    providers: dict[str, ProviderLayer] = field(default_factory=dict[str, ProviderLayer])
    problems: tuple[Problem, ...] = ()


def stacked(layers: Sequence[Layer]) -> Layer:
    """All layers as one, the last one on top: what a layer gave hides what those before it gave for the same leaf."""
    out = Layer()
    for layer in layers:
        given = {name: value for name in Layer.__struct_fields__ if (value := getattr(layer, name)) not in _NOTHING}
        out = replace(out, **given)
    return out


_NOTHING: tuple[object, ...] = (None, {}, ())
