"""What a turn may hand on to work that goes on without it: never more than it may do itself, at this moment.

Nothing here widens. What cannot be handed on as a whole is refused, so that nobody is surprised by half of it.
"""

import os

from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import Origin
from codewhale.policy.mode import parse_mode
from codewhale.policy.posture import Posture, narrowed
from codewhale.runtime.runtime import Runtime


def posture_of_turn(runtime: Runtime, origin: Origin) -> Posture:
    """How much the turn may do now. `ToolError` when it is over, or is held to a list of tools, which no task would be."""
    active = runtime.resident(origin.thread_id).active
    if active is None or active.recorder.turn.id != origin.turn_id:
        raise ToolError("The turn that asks is over.", category="cancelled")
    if active.posture.tools is not None or active.posture.barred:
        raise ToolError(
            "This agent is held to some tools, and background work would not be; its parent has to queue it.",
            category="permission_denied",
        )
    return runtime.outside.standing.applied(active.posture, origin.workspace)


def handed_on(parent: Posture, mode: str, *, allow_shell: bool, trust_mode: bool, auto_approve: bool) -> Posture:
    """What a child of `parent` gets that asks for this."""
    asked = Posture(mode=parse_mode(mode), allow_shell=allow_shell, trust_mode=trust_mode, auto_approve=auto_approve)
    return narrowed(parent, asked)


def check_place(parent: Posture, origin: Origin, folder: str) -> None:
    """Work elsewhere is under other rules than this turn, so a person has to have seen the folder."""
    if os.path.realpath(folder) != origin.workspace and parent.automatic:
        raise ToolError(
            f"{folder} is not this thread's own workspace, and this thread approves by itself. A person can queue it there.",
            category="permission_denied",
        )


def is_here(origin: Origin, folder: str) -> bool:
    """Whether work in `folder` is the business of this workspace's threads."""
    return os.path.realpath(folder) == origin.workspace
