"""Why a workspace has no undo, as far as that can be told without looking at its files. For `doctor`."""

from codewhale.config.environment import environment
from codewhale.config.settings import Settings
from codewhale.workspace.git.run import find_git
from codewhale.workspace.processes import Processes
from codewhale.workspace.snapshot.places import refusal


def undo_refused(settings: Settings) -> str | None:
    """The reason in words, or None."""
    if not settings.snapshots.enabled:
        return "snapshots are switched off ([snapshots] enabled)"
    processes = Processes(environment())
    refused = refusal(settings.workspace, processes.home)
    if refused is None and find_git(processes, settings.workspace) is None:
        refused = "git is not installed, or only inside the workspace"
    return refused
