"""Command verdicts for surfaces: the same judge that stands at the gate, asked outside of any thread."""

import os

from codewhale.config.environment import environment, given
from codewhale.domain.errors import InvalidInput
from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.verdict import Judgement, Place

__all__ = ["Judgement", "Place", "judge", "place_at"]


def place_at(workspace: str | None) -> Place:
    """The place of a command that runs in `workspace`, or where this process is; `InvalidInput` when there is none."""
    try:
        root = os.path.abspath(workspace or os.getcwd())
    except FileNotFoundError:
        raise InvalidInput(
            "the current folder is gone", hint="go to a folder that exists, or name one with -w"
        ) from None
    if not os.path.isdir(root):
        raise InvalidInput(f"{root} is no folder", hint="-w takes the folder in which the command would run")
    return Place(workspace=root, cwd=root, home=given(environment(), "HOME"))
