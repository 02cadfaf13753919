"""What a client may ask about the surroundings of its threads: workspace, skills, MCP servers, providers.

Shapes of runtime-contract §1.4 rows 7, 26-29 and §1.5; null stands for "not known".
"""

from msgspec import Struct


class WorkspaceStatus(Struct, frozen=True, kw_only=True):
    """The server's workspace under git. `branch` is `HEAD` when detached, None without a repository; `ahead` and `behind`
    count commits against the upstream branch, None without one."""

    workspace: str
    git_repo: bool
    branch: str | None
    staged: int
    unstaged: int
    untracked: int
    ahead: int | None
    behind: int | None


class Skill(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One skill; `path` is the absolute path of its SKILL.md. `scripts` (ours) is there when it brings programs: `trusted` or
    `untrusted`."""

    name: str
    description: str
    path: str
    enabled: bool
    scripts: str | None = None


class SkillList(Struct, frozen=True, kw_only=True):
    """The skills of `directory`, by name, and what could not be used there."""

    directory: str
    warnings: tuple[str, ...]
    skills: tuple[Skill, ...]


class SkillState(Struct, frozen=True, kw_only=True):
    """Whether a skill is offered to the model."""

    name: str
    enabled: bool


class McpServer(Struct, frozen=True, kw_only=True):
    """One configured MCP server. No argument, variable or header of it is shown, and of its address only what holds no
    secret. `connected` tells of a live connection."""

    name: str
    enabled: bool
    required: bool
    command: str | None
    url: str | None
    connected: bool
    enabled_tools: tuple[str, ...]
    disabled_tools: tuple[str, ...]


class McpTool(Struct, frozen=True, kw_only=True):
    """One tool of a connected MCP server."""

    server: str
    name: str
    prefixed_name: str
    description: str | None
    input_schema: dict[str, object]


class ProviderEntry(Struct, frozen=True, kw_only=True):
    """A provider that can be named; `env_vars` may hold its key."""

    id: str
    display_name: str
    default_base_url: str
    default_model: str
    has_model_catalog: bool
    env_vars: tuple[str, ...]


class ProviderList(Struct, frozen=True, kw_only=True):
    """The provider of new threads, and all that are known."""

    current: str
    providers: tuple[ProviderEntry, ...]


class ProviderSwitch(Struct, frozen=True, kw_only=True):
    """What new threads use from now on; `persisted` false: until this process ends."""

    provider: str
    model: str
    message: str
    persisted: bool
