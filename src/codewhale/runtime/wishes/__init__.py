"""Who grants what tools wish for. One module per family with `ANSWERS`, from the type of a wish to
`async answer(wish, origin, runtime)`; a module is imported with the first wish of its family.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codewhale.domain.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from codewhale.domain.wishes import Origin, R, Wish
    from codewhale.runtime.runtime import Runtime

    Answer = Callable[[Any, Origin, Runtime], Awaitable[Any]]

FAMILIES: dict[str, str] = {
    "StartProcess": "processes",
    "RunProcess": "processes",
    "WatchProcess": "processes",
    "ReadLog": "processes",
    "StopProcesses": "processes",
    "CurrentChecklist": "checklist",
    "AddNote": "notes",
    "LoadSkill": "skills",
    "ListSkills": "skills",
    "Remember": "memory",
    "TakeBack": "undo",
    "ReadOutput": "outputs",
    "Notify": "notify",
    "AskModel": "model",
    "LookAtPicture": "vision",
    "AskLanguageServers": "diagnostics",
    "KeepText": "outputs",
    "OwnTask": "tasks",
    "QueueTask": "tasks",
    "ListTasks": "tasks",
    "ReadTask": "tasks",
    "CancelTask": "tasks",
    "ListAttempts": "tasks",
    "ReadPatch": "tasks",
    "TakeChanges": "attempts",
    "MakeAutomation": "automations",
    "ListAutomations": "automations",
    "ReadAutomation": "automations",
    "ChangeAutomation": "automations",
    "SteerAutomation": "automations",
    "ReadGithub": "github",
    "SendGithub": "github",
}
"""The name of a wish's type to the module of this package that answers it."""


class Wishes:
    """Grants wishes on behalf of one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, wish: Wish[R], origin: Origin) -> R:
        """What was wished for; `ToolError` when it cannot be had."""
        kind = type(wish)
        family = FAMILIES.get(kind.__name__)
        if family is None:
            raise ToolError(f"Nobody here grants {kind.__name__}.", category="not_available")
        answers: dict[type, Answer] = import_module(f"codewhale.runtime.wishes.{family}").ANSWERS
        granted: R = await answers[kind](wish, origin, self._runtime)
        return granted
