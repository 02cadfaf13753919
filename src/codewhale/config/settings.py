"""Settings: everything a person can configure, as one frozen value (`config.load.load` makes it).

Invariant: every leaf has an effect and a line in docs/configuration.md. Nothing here reads files or the environment.
"""

import os
from typing import Literal

from msgspec import Struct, field

from codewhale.config.audit import Audit
from codewhale.config.auto import Auto
from codewhale.config.compaction import Compacting
from codewhale.config.redaction import Redaction
from codewhale.domain.budgets import BudgetPlan
from codewhale.domain.confinement import Policy, Surface
from codewhale.domain.hooks import HookSettings
from codewhale.domain.language_servers import LspSettings
from codewhale.domain.messages import Effort
from codewhale.domain.network import OPEN, NetworkPolicy
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.domain.tasks import TaskLimits
from codewhale.llm.profiles import Dialect

KeySource = Literal["env", "config", "keyring", "missing"]
"""`keyring` is a key that `codewhale auth set` keeps, in the file or in the system's keyring."""
ApprovalPolicy = Literal["on-request", "auto", "never"]
"""`on-request` asks a person, `auto` allows what would be asked, `never` denies it at once."""

POLICIES: dict[str, ApprovalPolicy] = {
    "on-request": "on-request",
    "suggest": "on-request",
    "untrusted": "on-request",
    "auto": "auto",
    "never": "never",
    "deny": "never",
}
"""Every word that earlier settings use for a policy, and the policy it stands for."""

PROJECT_FOLDER = ".deepseek"
"""Where a workspace keeps what it says about itself."""

DEFAULT_CORS_ORIGINS = (
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "http://localhost:1420",
    "http://127.0.0.1:1420",
    "tauri://localhost",
)


class Secret:
    """A value that must not be shown: `reveal` is the only way to it, and no encoder accepts it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Vision(Struct, frozen=True, kw_only=True):
    """The model that looks at pictures: an OpenAI-compatible endpoint and its key, or the variable that has it."""

    model: str
    base_url: str
    api_key: Secret | None = None
    api_key_env: str | None = None


class Route(Struct, frozen=True, kw_only=True):
    """Where model calls of one provider go and with what. `api_key_env` are the variables that may hold the key, first
    one first; `needs_key` is false for endpoints that take none. `context_window` and `max_output` are tokens, None where
    nobody said: then the provider's profile knows."""

    provider: str
    model: str
    base_url: str
    api_key: Secret | None = None
    api_key_source: KeySource = "missing"
    api_key_env: tuple[str, ...] = ()
    needs_key: bool = True
    http_headers: dict[str, str] = field(default_factory=dict[str, str])
    dialect: Dialect | None = None
    context_window: int | None = None
    max_output: int | None = None


class Retry(Struct, frozen=True, kw_only=True):
    """How a failed model call is repeated; delays are in seconds. `max_retries` counts the repeats."""

    enabled: bool = True
    max_retries: int = 3
    initial_delay: float = 1.0
    max_delay: float = 60.0


class Stream(Struct, frozen=True, kw_only=True):
    """Seconds a stream may take to open (None: what the provider's profile says, else 45), and to be silent once open. Calls
    to one endpoint: `burst` at once, then so many per second."""

    open_timeout: float | None = None
    idle_timeout: float = 300.0
    requests_per_second: float = 8.0
    burst: int = 16


class RuntimeApi(Struct, frozen=True, kw_only=True):
    """The HTTP surface: origins allowed for browsers (defaults included) and the token, when one is configured."""

    cors_origins: tuple[str, ...] = DEFAULT_CORS_ORIGINS
    token: Secret | None = None


class Search(Struct, frozen=True, kw_only=True):
    """Who is asked to search the web: a service, its key, or the address of an instance of the person's own."""

    provider: str = "duckduckgo"
    api_key: Secret | None = None
    url: str | None = None


class Required(Struct, frozen=True, kw_only=True):
    """What the requirements of this machine allow, None where they say nothing; `paths` are their files."""

    approval_policies: tuple[ApprovalPolicy, ...] | None = None
    sandbox_modes: tuple[Policy, ...] | None = None
    paths: tuple[str, ...] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """Something in a settings file that was ignored: where, and what was probably meant."""

    path: str
    key: str
    message: str
    suggestion: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of one process. Paths are absolute. `routes` has the configured providers besides `route`, the active
    one. `required` is what the machine's requirements allow, already met by all that stands here; `kept_secrets` are all the
    keys that are kept, for redaction. `allow_shell` None means that nobody said: a surface where each command is asked may
    then offer the shell, one that serves others may not. `user_skills` are more folders of the person with skills, searched
    before `skills_dir`."""

    home: str
    config_path: str
    config_present: bool
    profile: str | None
    tasks_dir: str
    runtime_dir: str
    automations_dir: str
    workspace: str
    route: Route
    routes: dict[str, Route] = field(default_factory=dict[str, Route])
    reasoning_effort: Effort | None = None
    allow_shell: bool | None = None
    mode: str = "agent"
    approval_policy: ApprovalPolicy = "on-request"
    max_steps: int = 100
    retry: Retry = Retry()
    stream: Stream = Stream()
    runtime_api: RuntimeApi = RuntimeApi()
    tasks: TaskLimits = TaskLimits()
    lsp: LspSettings = LspSettings()
    hooks: HookSettings = HookSettings()
    sandbox: Surface = Surface()
    network: NetworkPolicy = OPEN
    search: Search = Search()
    redaction: Redaction = Redaction()
    auto: Auto = Auto()
    fallback_providers: tuple[str, ...] = ()
    snapshots: SnapshotLimits = SnapshotLimits()
    vision: Vision | None = None
    budgets: BudgetPlan = BudgetPlan()
    audit: Audit = Audit()
    compaction: Compacting = Compacting()
    tool_audit_log: str | None = None
    allow_insecure_http: bool = False
    proxy: str | None = None
    no_proxy: tuple[str, ...] = ()
    ca_file: str | None = None
    skills_dir: str
    mcp_config: str
    notes_path: str
    memory: bool = False
    memory_path: str | None = None
    user_skills: tuple[str, ...] = ()
    gh_bin: str | None = None
    instructions: tuple[str, ...] = ()
    always_load: tuple[str, ...] = ()
    required: Required = Required()
    kept_secrets: tuple[Secret, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def skills_state(self) -> str:
        """The file that says which skills are switched off."""
        return os.path.join(self.home, "skills_state.toml")

    @property
    def memory_file(self) -> str:
        """The file of what the model remembers wherever it works."""
        return self.memory_path or os.path.join(self.home, "memory.md")

    @property
    def memory_dir(self) -> str:
        """The folder of what the model remembers of single projects."""
        return os.path.join(self.home, "memory")

    @property
    def permissions_file(self) -> str:
        """The file of the person's rules."""
        return os.path.join(self.home, "permissions.toml")

    @property
    def audit_log(self) -> str:
        """The file of the audit log."""
        return self.audit.path or os.path.join(self.home, "audit.log")

    @property
    def trust_file(self) -> str:
        """The file that says which parts of which workspaces may run, by their content."""
        return os.path.join(self.home, "trust.json")

    @property
    def trusted_paths_file(self) -> str:
        """The file that says which directories outside a workspace its threads may use."""
        return os.path.join(self.home, "workspace-trust.json")

    @property
    def snapshots_dir(self) -> str:
        """The folder of the saved states of workspaces."""
        return os.path.join(self.home, "snapshots")

    @property
    def prices_dir(self) -> str:
        """The folder of the person's own price tables."""
        return os.path.join(self.home, "prices")
