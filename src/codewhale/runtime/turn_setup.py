"""What a turn is run with, from its thread, what was asked for it and the runtime's surroundings."""

import asyncio
import os
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from codewhale import __version__
from codewhale.context.parts import COMPANIONS
from codewhale.domain.commands import TurnInput
from codewhale.domain.context import ContextPart
from codewhale.domain.messages import Message
from codewhale.domain.records import Thread
from codewhale.domain.requests import ClientTool
from codewhale.engine.client_tools import named, spec_of
from codewhale.engine.middleware.step_limit import StepLimit
from codewhale.engine.pins import Wanted, system_text
from codewhale.engine.purse import UNLIMITED, Purse
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.requests import RequestDesk
from codewhale.engine.room import CallRoom, Grant
from codewhale.engine.step import Caller
from codewhale.engine.turn import Conversation, Steers, TurnSetup
from codewhale.engine.watch import Watches
from codewhale.policy.mode import parse_mode
from codewhale.policy.posture import Posture
from codewhale.runtime.confining import confinement_of
from codewhale.runtime.header_facts import header_parts
from codewhale.runtime.outside import AUTO, Model, Outside, Seat
from codewhale.runtime.surroundings import skill_places
from codewhale.runtime.threads import Defaults
from codewhale.tools.catalogue import Allowed, Catalogue
from codewhale.tools.registry import ENTRIES
from codewhale.workspace.files import Files


class Stage(Struct, frozen=True, kw_only=True):
    """What all turns of a runtime share."""

    defaults: Defaults
    outside: Outside
    desk: RequestDesk
    grant: Grant
    group: asyncio.TaskGroup


class Sitting(Struct, frozen=True, kw_only=True):
    """What one turn brings: its record, its thread, what was asked for it, how much is allowed (asked anew for every call),
    input that comes meanwhile, and the conversation before it."""

    recorder: TurnRecorder
    thread: Thread
    given: TurnInput
    posture: Callable[[], Posture]
    steers: Steers
    conversation: Conversation


class Prepared(Struct, frozen=True, kw_only=True):
    """A turn ready to begin: its set-up, the model it calls, and the header as it would be composed now."""

    setup: TurnSetup
    model: Model
    wanted: Wanted


def turn_setup(stage: Stage, sitting: Sitting) -> Prepared:
    """Gets a turn ready; its thread's header is settled with it. Raises `ConfigError`."""
    thread, given, steers = sitting.thread, sitting.given, sitting.steers
    model = stage.outside.models(given.model or thread.model, thread.model_provider)
    brought = named(given.dynamic_tools or (), ENTRIES)
    ignored = stage.outside.standing.ignored(thread.id, thread.workspace)
    if ignored is not None:
        sitting.recorder.note(ignored)

    def tell(text: str, source: str) -> None:
        if not steers.closed:
            steers.items.append(sitting.recorder.told(text, source))

    held = confinement_of(sitting.posture().confined_to, thread.workspace, stage.outside)
    seat = Seat(
        recorder=sitting.recorder,
        thread=thread,
        posture=sitting.posture,
        files=Files(thread.workspace, _beside(stage, thread, sitting.posture()), held=held),
        processes=stage.outside.processes.confined(held, bare=True),
        group=stage.group,
        tell=tell,
    )
    parts, warnings = header_parts(sitting.recorder, thread, sitting.posture(), stage.outside)
    allowed, active = _allowed(stage, seat, parts), sitting.conversation.active
    first = Catalogue(allowed, active).first
    wanted = Wanted(parts=parts, tools=first, model=model.name, version=__version__)
    pinned = sitting.conversation.header.settle(sitting.recorder, wanted, warnings)
    catalogue = Catalogue(replace(allowed, always_load=tuple(tool.name for tool in pinned.tools)), active)
    purse, seconds = _allowance(stage, sitting.recorder, thread, given)
    setup = TurnSetup(
        caller=Caller(
            provider=model.provider,
            rate=model.rate,
            other=model.other,
            shapes=sitting.conversation.shapes,
            purse=purse,
        ),
        model=model.name,
        system=system_text(pinned),
        tools=(*pinned.tools, *(spec_of(name, tool) for name, tool in brought.items())),
        room=_room(stage, seat, catalogue, brought),
        policies=(StepLimit(given.max_steps or stage.defaults.max_steps),),
        max_output_tokens=model.max_output_tokens,
        effort=given.effort or model.effort,
        seconds=seconds,
    )
    return Prepared(setup=setup, model=model, wanted=wanted)


async def settled(
    stage: Stage, recorder: TurnRecorder, thread: Thread, given: TurnInput, messages: Sequence[Message]
) -> TurnInput:
    """What was asked for a turn, with a model where that was left to us. Raises `ConfigError`."""
    auto = stage.outside.auto
    if auto is None or (given.model or thread.model) != AUTO:
        return given
    purse, _ = _allowance(stage, recorder, thread, given)
    return await auto().settled(recorder, thread, given, messages, purse)


def _room(stage: Stage, seat: Seat, catalogue: Catalogue, brought: dict[str, ClientTool]) -> CallRoom:
    watches = (make(seat) for make in stage.outside.watchers)
    return CallRoom(
        files=seat.files,
        processes=seat.processes,
        catalogue=catalogue,
        posture=seat.posture,
        desk=stage.desk,
        client_tools=brought,
        grant=stage.grant,
        web=stage.outside.web,
        watches=Watches([watch for watch in watches if watch is not None]),
    )


def _allowance(stage: Stage, recorder: TurnRecorder, thread: Thread, given: TurnInput) -> tuple[Purse, float | None]:
    budgets = stage.outside.budgets
    if budgets is None:
        return UNLIMITED, None
    return budgets.allowance(recorder, thread, given.budget)


def _beside(stage: Stage, thread: Thread, posture: Posture) -> tuple[str, ...]:
    """What the turn may use beside its workspace: the directories that the person trusts, in trust mode everything."""
    if posture.trust_mode:
        return ("/",)
    around = stage.outside.surroundings
    if around is None or not os.path.exists(around.trusted_paths):
        return ()
    from codewhale.workspace.trust.paths import TrustedPaths  # noqa: PLC0415 - start-up: few trust any

    return TrustedPaths(around.trusted_paths).of(thread.workspace)


def _allowed(stage: Stage, seat: Seat, parts: tuple[ContextPart, ...]) -> Allowed:
    posture = seat.posture()
    companions = tuple(COMPANIONS[part.name] for part in parts if part.name in COMPANIONS)
    return Allowed(
        mode=posture.mode,
        allow_shell=posture.allow_shell,
        program=lambda name: seat.processes.find(_own_program(stage, name)),
        always_load=(*stage.defaults.always_load, *companions),
        unset=_unset(stage, seat.thread.workspace),
    )


def _own_program(stage: Stage, name: str) -> str:
    """Where the person says that the program is, else its name."""
    around = stage.outside.surroundings
    return around.gh if name == "gh" and around is not None and around.gh is not None else name


def _unset(stage: Stage, workspace: str) -> dict[str, str]:
    around = stage.outside.surroundings
    settings = around.settings if around is not None else None
    missing: dict[str, str] = {}
    if settings is None or settings.vision is None:
        missing["image_analyze"] = "the settings have no [vision_model]"
    if around is None or around.memory is None:
        missing["remember"] = "memory is switched off ([memory] enabled = true switches it on)"
    if around is None or not any(map(os.path.isdir, skill_places(workspace, around.skill_places))):
        missing["load_skill"] = "there are no skills here"
    return missing


def posture_of(thread: Thread, given: TurnInput, *, never_ask: bool) -> Posture:
    """How much is allowed at the beginning of a turn."""
    return Posture(
        mode=parse_mode(given.mode or thread.mode),
        allow_shell=thread.allow_shell if given.allow_shell is None else given.allow_shell,
        auto_approve=thread.auto_approve if given.auto_approve is None else given.auto_approve,
        trust_mode=thread.trust_mode if given.trust_mode is None else given.trust_mode,
        never_ask=never_ask,
    )
