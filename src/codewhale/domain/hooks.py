"""Hooks: programs of the person's that run at named points of a turn, and sinks that events are delivered to. Values only."""

from typing import Literal

from msgspec import Struct

HookEvent = Literal[
    "session_start",
    "session_end",
    "message_submit",
    "tool_call_before",
    "tool_call_after",
    "mode_change",
    "on_error",
    "shell_env",
    "turn_end",
    "subagent_spawn",
    "subagent_complete",
]
"""The points. The two of subagents are reached where an item spawns a thread."""

Category = Literal["read", "write", "shell", "network", "interact"]
"""What a call does, from its effects: changes nothing, changes files, runs programs, leaves the machine, needs a person."""


class Always(Struct, frozen=True, tag="always"):
    """Holds at every occasion."""


class ToolName(Struct, frozen=True, tag="tool_name"):
    """Holds for tools whose name fits the pattern (`*` and `?`)."""

    name: str


class ToolCategory(Struct, frozen=True, tag="tool_category"):
    """Holds for tools that do this, whatever else they do."""

    category: Category


class InMode(Struct, frozen=True, tag="mode"):
    """Holds in this mode."""

    mode: Literal["agent", "plan", "yolo"]


class ExitCode(Struct, frozen=True, tag="exit_code"):
    """Holds after a command that ended with this exit code."""

    code: int


class AllOf(Struct, frozen=True, tag="all"):
    """Holds where all of these do."""

    conditions: tuple["Condition", ...]


class AnyOf(Struct, frozen=True, tag="any"):
    """Holds where one of these does."""

    conditions: tuple["Condition", ...]


Condition = Always | ToolName | ToolCategory | InMode | ExitCode | AllOf | AnyOf


class Hook(Struct, frozen=True, kw_only=True):
    """One program. `timeout` is in seconds. A `background` hook is waited for by nobody. Where one that is not fails, the
    others follow only with `continue_on_error`. A `strict` hook that gives no verdict on a call denies it. `source` says
    which file it comes from."""

    event: HookEvent
    command: str
    name: str
    source: str
    condition: Condition = Always()
    timeout: float = 30.0
    background: bool = False
    continue_on_error: bool = True
    strict: bool = False


class Sink(Struct, frozen=True, kw_only=True):
    """Where events of these names (all, when none is named) are delivered, in order. `target` is a file or an address;
    `secret_env` names the variable with the key that signs deliveries to an address."""

    kind: Literal["stdout", "jsonl", "webhook"]
    target: str = ""
    events: tuple[str, ...] = ()
    secret_env: str | None = None


class HookSettings(Struct, frozen=True, kw_only=True):
    """All hooks in the order in which they run, and all sinks. `working_dir` None means the workspace."""

    enabled: bool = True
    working_dir: str | None = None
    hooks: tuple[Hook, ...] = ()
    sinks: tuple[Sink, ...] = ()
