"""What happens when a hook runs: which point, which call, in which mode. It becomes the hook's environment and standard input,
and decides which hooks it concerns.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec
from msgspec import Struct

from codewhale.domain.hooks import AllOf, Always, AnyOf, Category, Condition, ExitCode, HookEvent, InMode, ToolCategory
from codewhale.domain.tools import Effect

MESSAGE_CHARS = 5_000
VALUE_BYTES = 24 * 1024
"""A variable larger than this is cut: programs with larger ones together could not be started."""
INPUT_BYTES = 32 * 1024
_CATEGORIES: dict[Effect, Category] = {
    "read": "read",
    "write": "write",
    "execute": "shell",
    "network": "network",
    "interact": "interact",
}


class Occasion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One time at which hooks run. What does not belong to its event is None."""

    event: HookEvent
    session_id: str
    workspace: str
    mode: str
    model: str
    turn_id: str | None = None
    previous_mode: str | None = None
    tool_name: str | None = None
    tool_categories: tuple[Category, ...] = ()
    tool_args: str | None = None
    tool_result: str | None = None
    tool_success: bool | None = None
    exit_code: int | None = None
    message: str | None = None
    error: str | None = None
    total_tokens: int | None = None
    session_cost: float | None = None


def categories(effects: Iterable[Effect]) -> tuple[Category, ...]:
    """What a tool with these effects does."""
    return tuple(sorted(_CATEGORIES[effect] for effect in effects))


def holds(condition: Condition, occasion: Occasion) -> bool:
    """Whether the condition holds. What an occasion does not have (a tool, an exit code) fits no condition on it."""
    match condition:
        case Always():
            return True
        case ToolCategory():
            return condition.category in occasion.tool_categories
        case InMode():
            return occasion.mode == condition.mode
        case ExitCode():
            return occasion.exit_code == condition.code
        case AllOf():
            return all(holds(inner, occasion) for inner in condition.conditions)
        case AnyOf():
            return any(holds(inner, occasion) for inner in condition.conditions)
        case _:
            return occasion.tool_name is not None and fnmatchcase(occasion.tool_name, condition.name)


def variables(occasion: Occasion) -> dict[str, str]:
    """The environment of a hook, over that of every program."""
    message = occasion.message[:MESSAGE_CHARS] if occasion.message is not None else None
    values: dict[str, object] = {
        "SESSION_ID": occasion.session_id,
        "WORKSPACE": occasion.workspace,
        "MODE": occasion.mode,
        "MODEL": occasion.model,
        "PREVIOUS_MODE": occasion.previous_mode,
        "TOOL_NAME": occasion.tool_name,
        "TOOL_ARGS": occasion.tool_args,
        "TOOL_RESULT": occasion.tool_result,
        "TOOL_EXIT_CODE": occasion.exit_code,
        "TOOL_SUCCESS": None if occasion.tool_success is None else str(occasion.tool_success).lower(),
        "MESSAGE": message,
        "ERROR": occasion.error,
        "TOTAL_TOKENS": occasion.total_tokens,
        "SESSION_COST": None if occasion.session_cost is None else f"{occasion.session_cost:.6f}",
    }
    return {f"DEEPSEEK_{name}": _variable(str(value)) for name, value in values.items() if value is not None}


def standard_input(occasion: Occasion) -> bytes:
    """The occasion as JSON of at most 32 KiB; `tool_args` is an object where it is one. Texts that do not fit are cut and
    `truncated` says so."""
    plain = msgspec.to_builtins(occasion)
    for size in (INPUT_BYTES, 8_000, 2_000, 500):
        cut = {key: _cut(value, size) for key, value in plain.items()}
        whole = cut == plain
        if occasion.tool_args is not None:
            cut["tool_args"] = _arguments(cut["tool_args"])
        encoded = msgspec.json.encode(cut if whole else {**cut, "truncated": True})
        if len(encoded) <= INPUT_BYTES:
            return encoded
    return msgspec.json.encode({"event": occasion.event, "session_id": occasion.session_id, "truncated": True})


def _variable(value: str) -> str:
    return value.replace("\0", "").encode(errors="replace")[:VALUE_BYTES].decode(errors="ignore")


def _cut(value: object, size: int) -> object:
    return value[:size] if isinstance(value, str) else value


def _arguments(text: object) -> object:
    try:
        return msgspec.json.decode(str(text))
    except msgspec.DecodeError:
        return text
