"""What a runtime reaches beyond its log: models, programs, the passing of time, and who watches its turns."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from codewhale.domain.messages import Effort
from codewhale.domain.records import Thread
from codewhale.domain.usage import RateAt
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.step import no_other, no_rate
from codewhale.engine.watch import TurnWatch
from codewhale.llm.provider import Provider
from codewhale.policy.posture import Posture
from codewhale.runtime.budgets.door import BudgetDoor
from codewhale.runtime.edit_diagnostics import Diagnostics
from codewhale.runtime.hook_points import HookPoints
from codewhale.runtime.standing import Standing
from codewhale.runtime.surroundings import Surroundings
from codewhale.work.port import TimeoutWaiter, Waiter
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes
from codewhale.workspace.web.web import NOWHERE, Web

if TYPE_CHECKING:
    from codewhale.runtime.auto import AutoRouter
    from codewhale.runtime.undo.wiring import Undo


AUTO = "auto"
"""The name of a model that says: choose one."""


class Model(Struct, frozen=True, kw_only=True):
    """A model ready to be called: who serves it, under which name, its limits in tokens, and what it costs when (`other`:
    what a route costs that a call was handed to)."""

    provider: Provider
    name: str
    max_output_tokens: int | None = None
    effort: Effort | None = None
    window: int | None = None
    rate: RateAt = no_rate
    other: Callable[[str, str], RateAt] = no_other


ModelSource = Callable[[str, str | None], Model]
"""(model name, provider id or None) to a model; raises `ConfigError` when it cannot be called."""


class Seat(Struct, frozen=True, kw_only=True):
    """Where a watch of one turn sits: the turn's record, its thread, what may be touched, and tasks that live no longer than
    the runtime. `tell(text, source)` is for the model: it reads the text before its next step, and has one more step if it
    was done; after the turn's end it is dropped."""

    recorder: TurnRecorder
    thread: Thread
    posture: Callable[[], Posture]
    files: Files
    processes: Processes
    group: asyncio.TaskGroup
    tell: Callable[[str, str], None]


Watcher = Callable[[Seat], TurnWatch | None]
"""Makes the watch of a turn, or None where it has nothing to watch for. Called once a turn; must be cheap."""


class Outside(Struct, frozen=True, kw_only=True):
    """Everything beyond the log. `watchers` are asked in order for each turn. `processes_dir` is where background processes
    keep what they say; None: there are none."""

    models: ModelSource
    processes: Processes
    auto: "Callable[[], AutoRouter] | None" = None
    waiter: Waiter = TimeoutWaiter()
    processes_dir: str | None = None
    surroundings: Surroundings | None = None
    watchers: tuple[Watcher, ...] = ()
    hooks: HookPoints | None = None
    budgets: BudgetDoor | None = None
    diagnostics: Diagnostics | None = None
    standing: Standing = Standing()
    undo: "Undo | None" = None
    web: Web = NOWHERE
