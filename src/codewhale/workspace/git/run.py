"""The one place that runs git for ourselves. Nothing that a repository names (a hook, a monitor, a filter, a driver, a
pager, a helper, a remote) is ever run.

Fixed names are pinned through `GIT_CONFIG_*`, which nothing in a repository can overrule; drivers, whose names the
repository chooses, are read from its configuration first and made to do nothing; a configuration that includes others is
refused. The folders are given to git, never looked for by it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.workspace.git.repository import Repository
from codewhale.workspace.processes import Command, Processes, ProcessResult

SECONDS = 20.0
OUTPUT = 8 * 1024 * 1024
_DRIVERS = 200
_CONFIG_BYTES = 1024 * 1024

PINS = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.pager", "cat"),
    ("core.sshCommand", "false"),
    ("core.gitProxy", "false"),
    ("core.askPass", "false"),
    ("core.editor", "false"),
    ("core.untrackedCache", "false"),
    ("core.excludesFile", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.alternateRefsCommand", "false"),
    ("core.quotePath", "true"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
    ("gpg.openpgp.program", "false"),
    ("gpg.ssh.program", "false"),
    ("gpg.x509.program", "false"),
    ("protocol.allow", "never"),
    ("credential.helper", ""),
    ("safe.bareRepository", "explicit"),
    ("submodule.recurse", "false"),
    ("diff.ignoreSubmodules", "all"),
    ("diff.submodule", "short"),
    ("status.submoduleSummary", "false"),
    ("status.relativePaths", "false"),
    ("color.ui", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)
ENVIRON = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM": "0",
    "LC_ALL": "C",
}


class GitJob(Struct, frozen=True, kw_only=True):
    """One run of git: its words, where, and what is set for it beside the pins. Of its output `output` bytes are kept."""

    folder: str
    words: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    environ: Mapping[str, str] = {}
    stdin: bytes | None = None
    seconds: float = SECONDS
    output: int = OUTPUT


class Git(Struct, frozen=True, kw_only=True):
    """A git program and who runs it. `program` is an absolute path outside the folder that it looks at."""

    processes: Processes
    program: str

    async def run(self, job: GitJob) -> ProcessResult:
        """Run it with the pins and the job's own settings."""
        pins = [*PINS, *job.settings]
        given = {**ENVIRON, **job.environ, "GIT_CONFIG_COUNT": str(len(pins))}
        for number, (key, value) in enumerate(pins):
            given[f"GIT_CONFIG_KEY_{number}"] = key
            given[f"GIT_CONFIG_VALUE_{number}"] = value
        return await self.processes.run(
            Command(
                argv=(self.program, "--no-pager", *job.words),
                cwd=job.folder,
                timeout=job.seconds,
                environ=given,
                stdin=job.stdin,
                head_bytes=job.output,
                tail_bytes=0,
            )
        )

    async def look(
        self, repository: Repository, words: Sequence[str], *, seconds: float = SECONDS, output: int = OUTPUT
    ) -> ProcessResult:
        """Run it on a repository that may be hostile; only for commands that read. `ToolError` when its configuration
        cannot be made harmless."""
        job = await self.harmless(repository, words)
        return await self.run(replace(job, seconds=seconds, output=output))

    async def harmless(self, repository: Repository, words: Sequence[str]) -> GitJob:
        """The job that runs these words on a repository that may be hostile. `ToolError` as `look`, and where a confined command
        changed what git runs."""
        if self.processes.spoiled(os.path.join(repository.top, ".git"), repository.git_dir, repository.common):
            raise ToolError(
                f"git is not run on {repository.top}: a command changed its hooks or its configuration. Look at them, then "
                "start codewhale again.",
                category="not_available",
            )
        drivers = await self._drivers(repository)
        return GitJob(
            folder=repository.top,
            words=tuple(words),
            settings=tuple(_disabled(drivers)),
            environ={"GIT_DIR": repository.git_dir, "GIT_WORK_TREE": repository.top},
        )

    async def _drivers(self, repository: Repository) -> list[str]:
        """The drivers that the repository's own configuration names, such as `filter.lfs`."""
        found: dict[str, None] = {}
        for place in _configurations(repository):
            words = ("config", "--file", place, "--no-includes", "--null", "--name-only", "--list")
            read = await self.run(GitJob(folder="/", words=words, output=_CONFIG_BYTES))
            if read.exit_code != 0 or read.stdout.omitted:
                raise ToolError(f"git cannot read {place}, so it was not run here.")
            for name in read.stdout.text.split("\0"):
                _judge(name, place, found)
        if len(found) > _DRIVERS:
            raise ToolError(f"The repository's configuration names {len(found)} drivers; git was not run here.")
        return list(found)


def _configurations(repository: Repository) -> list[str]:
    """The files that git would read the repository's configuration from."""
    places = {os.path.join(repository.common, "config"), os.path.join(repository.common, "config.worktree")}
    places.add(os.path.join(repository.git_dir, "config.worktree"))
    found = [place for place in sorted(places) if os.path.lexists(place)]
    for place in found:
        if not os.path.isfile(place) or os.path.getsize(place) > _CONFIG_BYTES:
            raise ToolError(f"{place} is not a file that git should read; git was not run here.")
    return found


def _judge(name: str, place: str, found: dict[str, None]) -> None:
    section, _, rest = name.partition(".")
    if section in ("include", "includeif"):
        raise ToolError(
            f"{place} includes another configuration, which may name programs; git was not run here. "
            "Take the include out of the repository's configuration, or run git in the shell."
        )
    if section in ("filter", "merge", "diff", "gpg", "credential", "protocol") and "." in rest:
        found[name.rpartition(".")[0]] = None


def _disabled(drivers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Settings under which these drivers do nothing: filters pass content through, the others fail."""
    for driver in sorted(drivers):
        match driver.partition(".")[0]:
            case "filter":
                yield from ((f"{driver}.{part}", "") for part in ("clean", "smudge", "process"))
                yield f"{driver}.required", "false"
            case "merge":
                yield f"{driver}.driver", "false"
            case "protocol":
                yield f"{driver}.allow", "never"
            case "gpg":
                yield f"{driver}.program", "false"
            case "credential":
                yield f"{driver}.helper", ""
            case _:
                pass  # diff drivers are switched off by options, since no value of theirs means "none"


def find_git(processes: Processes, workspace: str) -> Git | None:
    """The installed git; None when there is none, or when the one found lies in the workspace itself."""
    program = processes.find("git")
    if program is None or lies_in(program, workspace):
        return None
    return Git(processes=processes, program=program)


def lies_in(program: str, workspace: str) -> bool:
    """Whether the program is a part of the workspace, and so not the person's."""
    real, inside = os.path.realpath(program), os.path.realpath(workspace)
    return inside != "/" and (real + "/").startswith(inside.rstrip("/") + "/")
