"""What a turn is run with, from its thread, what was asked for it and the runtime's surroundings."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from codewhale.context.system import system_text
from codewhale.domain.commands import TurnInput
from codewhale.domain.messages import ToolSpec
from codewhale.domain.records import Thread
from codewhale.domain.requests import ClientTool
from codewhale.engine.client_tools import named, spec_of
from codewhale.engine.middleware.step_limit import StepLimit
from codewhale.engine.planning import CallRoom, Grant
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.requests import RequestDesk
from codewhale.engine.step import Caller
from codewhale.engine.turn import TurnSetup
from codewhale.engine.watch import Watches
from codewhale.policy.decide import Posture
from codewhale.policy.mode import parse_mode
from codewhale.runtime.outside import Model, Outside, Seat
from codewhale.runtime.threads import Defaults
from codewhale.tools.registry import ENTRIES, offered
from codewhale.workspace.files import Files


class Stage(Struct, frozen=True, kw_only=True):
    """What all turns of a runtime share."""

    defaults: Defaults
    outside: Outside
    desk: RequestDesk
    grant: Grant
    group: asyncio.TaskGroup


def turn_setup(
    stage: Stage, recorder: TurnRecorder, thread: Thread, given: TurnInput, posture: Callable[[], Posture]
) -> tuple[TurnSetup, Model]:
    """The set-up of one turn and the model it calls. `posture` is asked anew for every call. Raises `ConfigError`."""
    model = stage.outside.models(given.model or thread.model, thread.model_provider)
    own = _offered(posture())
    brought = named(given.dynamic_tools or (), ENTRIES)
    setup = TurnSetup(
        caller=Caller(provider=model.provider, rate=model.rate),
        model=model.name,
        system=system_text(thread),
        tools=(*own, *(spec_of(name, tool) for name, tool in brought.items())),
        room=_room(stage, recorder, thread, posture, brought),
        policies=(StepLimit(given.max_steps or stage.defaults.max_steps),),
        max_output_tokens=model.max_output_tokens,
        effort=model.effort,
    )
    return setup, model


def _room(
    stage: Stage,
    recorder: TurnRecorder,
    thread: Thread,
    posture: Callable[[], Posture],
    brought: dict[str, ClientTool],
) -> CallRoom:
    files = Files(thread.workspace)
    processes = stage.outside.processes
    seat = Seat(recorder=recorder, thread=thread, posture=posture, files=files, processes=processes, group=stage.group)
    watches = (make(seat) for make in stage.outside.watchers)
    return CallRoom(
        files=files,
        processes=processes,
        offered=frozenset(tool.name for tool in _offered(posture())),
        posture=posture,
        desk=stage.desk,
        client_tools=brought,
        grant=stage.grant,
        watches=Watches([watch for watch in watches if watch is not None]),
    )


def _offered(posture: Posture) -> tuple[ToolSpec, ...]:
    return offered(posture.mode, allow_shell=posture.allow_shell)


def posture_of(thread: Thread, given: TurnInput, *, never_ask: bool) -> Posture:
    """How much is allowed at the beginning of a turn."""
    return Posture(
        mode=parse_mode(given.mode or thread.mode),
        allow_shell=thread.allow_shell if given.allow_shell is None else given.allow_shell,
        auto_approve=thread.auto_approve if given.auto_approve is None else given.auto_approve,
        trust_mode=thread.trust_mode if given.trust_mode is None else given.trust_mode,
        never_ask=never_ask,
    )
