"""The state of a workspace under git, read without running anything that the repository brought along.

A repository's own configuration can name programs (fsmonitor, hooks, filters, pagers). All are pinned to nothing: by
`GIT_CONFIG_*` for the fixed names, and for filters, whose names the repository chooses, after reading which there are.
Never raises for what git or the repository do; bounded in time and memory.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.domain.introspection import WorkspaceStatus
from codewhale.workspace.processes import Command, Processes, ProcessResult

TIMEOUT = 5.0
"""Seconds for each of the two runs of git."""
OUTPUT = 8 * 1024 * 1024
_FILTERS = 200

_PINS = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.pager", "cat"),
    ("core.sshCommand", "false"),
    ("core.untrackedCache", "false"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
    ("protocol.allow", "never"),
    ("credential.helper", ""),
    ("safe.bareRepository", "explicit"),
    ("submodule.recurse", "false"),
    ("diff.ignoreSubmodules", "all"),
    ("status.relativePaths", "false"),
)
_ENVIRON = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
_STATUS = ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--ignore-submodules=all")
_CONFIG = ("config", "--null", "--name-only", "--get-regexp", r"^filter\.")


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
    git = processes.find("git")
    if git is None:
        return nothing
    try:
        configured = await processes.run(_command(git, workspace, _CONFIG, ()))
        filters = [name for name in configured.stdout.text.split("\0") if name]
        if configured.timed_out or len(filters) > _FILTERS or configured.exit_code not in (0, 1):
            return nothing
        done = await processes.run(_command(git, workspace, _STATUS, _disabled(filters)))
    except ToolError:
        return nothing
    return _read(done, nothing)


def _command(git: str, workspace: str, arguments: tuple[str, ...], pins: Iterable[tuple[str, str]]) -> Command:
    settings = [*_PINS, *pins]
    environ = {**_ENVIRON, "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        environ[f"GIT_CONFIG_KEY_{number}"] = key
        environ[f"GIT_CONFIG_VALUE_{number}"] = value
    return Command(
        argv=(git, "--no-pager", *arguments),
        cwd=workspace,
        timeout=TIMEOUT,
        environ=environ,
        head_bytes=OUTPUT,
        tail_bytes=0,
    )


def _disabled(filters: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Every filter that the repository configures, made one that passes content through."""
    drivers = {name.rpartition(".")[0] for name in filters}
    for driver in sorted(drivers):
        yield from ((f"{driver}.{part}", "") for part in ("clean", "smudge", "process"))
        yield f"{driver}.required", "false"


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
