"""The state of a workspace under git, as counts. Never raises for what git or the repository do; bounded in time and memory.

git is confined where a sandbox is proved already; nobody who asks for the state has to wait for the proof.
"""

import os

from msgspec.structs import replace

from codewhale.domain.confinement import confinement
from codewhale.domain.errors import ToolError
from codewhale.domain.introspection import WorkspaceStatus
from codewhale.workspace.git.repository import find_repository
from codewhale.workspace.git.run import find_git
from codewhale.workspace.processes import Processes, ProcessResult

SECONDS = 5.0
_STATUS = ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--ignore-submodules=all")


async def workspace_status(processes: Processes, workspace: str) -> WorkspaceStatus:
    """What git says of `workspace`; `git_repo` false when it is no work tree that git would look at, or git is missing."""
    nothing = WorkspaceStatus(
        workspace=workspace,
        git_repo=False,
        branch=None,
        staged=0,
        unstaged=0,
        untracked=0,
        ahead=None,
        behind=None,
    )
    git = find_git(_confined(processes, workspace), workspace)
    repository = find_repository(workspace) if git is not None else None
    if git is None or repository is None:
        return nothing
    try:
        done = await git.look(repository, _STATUS, seconds=SECONDS)
    except ToolError:
        return replace(nothing, git_repo=True)
    return _read(done, nothing)


def _confined(processes: Processes, workspace: str) -> Processes:
    if processes.known_tier == "none":
        return processes
    return processes.confined(confinement("read-only", os.path.realpath(workspace), processes.home))


def _read(done: ProcessResult, nothing: WorkspaceStatus) -> WorkspaceStatus:
    if done.timed_out:
        return replace(nothing, git_repo=True)
    if done.exit_code != 0:
        return nothing
    found = replace(nothing, git_repo=True)
    staged = unstaged = untracked = 0
    records = iter(done.stdout.text.split("\0"))
    for record in records:
        match record[:2]:
            case "# ":
                found = _headed(found, record)
            case "? ":
                untracked += 1
            case "1 " | "2 " | "u ":
                staged += record[2] != "."
                unstaged += record[3] != "."
                if record[0] == "2":
                    next(records, None)  # the name before the rename
            case _:
                pass
    return replace(found, staged=staged, unstaged=unstaged, untracked=untracked)


def _headed(found: WorkspaceStatus, header: str) -> WorkspaceStatus:
    name, _, value = header[2:].partition(" ")
    if name == "branch.head":
        return replace(found, branch="HEAD" if value == "(detached)" else value)
    if name == "branch.ab":
        ahead, _, behind = value.partition(" ")
        return replace(found, ahead=int(ahead[1:]), behind=int(behind[1:]))
    return found
