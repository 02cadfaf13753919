"""What a caller may ask the runtime to do, as values (runtime-contract §1.4). None means "not given"."""

from msgspec import UNSET, Struct, UnsetType

from codewhale.domain.budgets import Caps
from codewhale.domain.messages import Effort
from codewhale.domain.records import Thread, Turn
from codewhale.domain.requests import ClientTool


class NewThread(Struct, frozen=True, kw_only=True):
    """Settings of a new thread; what is None comes from the runtime's settings."""

    model: str | None = None
    workspace: str | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    archived: bool | None = None
    system_prompt: str | None = None
    task_id: str | None = None
    title: str | None = None
    model_provider: str | None = None


class ThreadPatch(Struct, frozen=True, kw_only=True):
    """A change of a thread's settings. A blank `title` or `system_prompt` clears it. null and absent are the same."""

    archived: bool | None | UnsetType = UNSET
    allow_shell: bool | None | UnsetType = UNSET
    trust_mode: bool | None | UnsetType = UNSET
    auto_approve: bool | None | UnsetType = UNSET
    model: str | None | UnsetType = UNSET
    mode: str | None | UnsetType = UNSET
    title: str | None | UnsetType = UNSET
    system_prompt: str | None | UnsetType = UNSET


class TurnInput(Struct, frozen=True, kw_only=True):
    """The input of a turn; the overrides hold for this turn only and are not stored."""

    prompt: str
    input_summary: str | None = None
    model: str | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    max_steps: int | None = None
    effort: Effort | None = None
    dynamic_tools: tuple[ClientTool, ...] | None = None
    budget: Caps | None = None


class StartedTurn(Struct, frozen=True, kw_only=True):
    """The turn just begun and its thread after that."""

    thread: Thread
    turn: Turn
