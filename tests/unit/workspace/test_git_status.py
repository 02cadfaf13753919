"""The workspace under git: what is counted, and that a hostile repository runs nothing."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from msgspec.structs import replace

from codewhale.domain.confinement import confinement
from codewhale.domain.errors import ToolError
from codewhale.domain.introspection import WorkspaceStatus
from codewhale.workspace.git.repository import find_repository
from codewhale.workspace.git.run import find_git
from codewhale.workspace.git_status import workspace_status
from codewhale.workspace.processes import Command, Processes, ProcessResult

BARE = WorkspaceStatus(
    workspace="", git_repo=False, branch=None, staged=0, unstaged=0, untracked=0, ahead=None, behind=None
)


class Repository:
    """A work tree and the git that a person would use in it."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder = folder
        self.processes = processes

    async def git(self, *words: str, cwd: Path | None = None) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@t")
        command = Command(argv=("git", *who, *words), cwd=str(cwd or self.folder), timeout=10)
        done = await self.processes.run(command)
        assert done.exit_code == 0, done.stderr.text

    async def status(self) -> WorkspaceStatus:
        return await workspace_status(self.processes, str(self.folder))


@pytest.fixture
async def repository(tmp_path: Path) -> AsyncGenerator[Repository]:
    processes = Processes({"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)})
    folder = tmp_path / "tree"
    folder.mkdir()
    found = Repository(folder, processes)
    await found.git("init", "-b", "main")
    (folder / "kept.txt").write_text("one\n")
    (folder / "gone.txt").write_text("a long enough text to be recognised as renamed\n")
    await found.git("add", "-A")
    await found.git("commit", "-m", "first")
    yield found
    processes.close()


async def test_changes_are_counted_as_git_shows_them(repository: Repository) -> None:
    clean = replace(BARE, workspace=str(repository.folder), git_repo=True, branch="main")
    assert await repository.status() == clean
    (repository.folder / "kept.txt").write_text("two\n")
    await repository.git("add", "kept.txt")
    (repository.folder / "kept.txt").write_text("three\n")
    await repository.git("mv", "gone.txt", "new\nname.txt")
    (repository.folder / "stray ? 1").write_text("")
    assert await repository.status() == replace(clean, staged=2, unstaged=1, untracked=1)


async def test_a_detached_head_and_a_repository_without_commits(repository: Repository, tmp_path: Path) -> None:
    await repository.git("checkout", "--detach")
    assert (await repository.status()).branch == "HEAD"
    fresh = Repository(tmp_path / "fresh", repository.processes)
    fresh.folder.mkdir()
    await fresh.git("init", "-b", "trunk")
    assert await fresh.status() == replace(BARE, workspace=str(fresh.folder), git_repo=True, branch="trunk")


async def test_ahead_and_behind_need_an_upstream(repository: Repository, tmp_path: Path) -> None:
    clone = Repository(tmp_path / "clone", repository.processes)
    await repository.git("clone", str(repository.folder), str(clone.folder), cwd=tmp_path)
    await clone.git("commit", "--allow-empty", "-m", "mine")
    await repository.git("commit", "--allow-empty", "-m", "theirs")
    await clone.git("fetch")
    found = await clone.status()
    assert (found.ahead, found.behind) == (1, 1)


@pytest.mark.parametrize("missing", ["not a repository", "no directory", "no git"])
async def test_what_is_not_known_is_null_and_never_an_error(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "plain"
    if missing != "no directory":
        folder.mkdir()
    processes = Processes({"PATH": str(tmp_path) if missing == "no git" else "/usr/bin:/bin"})
    assert await workspace_status(processes, str(folder)) == replace(BARE, workspace=str(folder))


async def test_a_hostile_repository_runs_nothing(repository: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\necho $0 >> {marker}\ncat\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-index-change").write_text(program.read_text())
    (hooks / "post-index-change").chmod(0o755)
    (repository.folder / ".gitattributes").write_text("*.txt filter=ev.il\n")
    for key, value in {
        "core.fsmonitor": str(program),
        "core.hooksPath": str(hooks),
        "core.pager": str(program),
        "filter.ev.il.clean": str(program),
        "filter.ev.il.required": "true",
        "filter.other.process": str(program),
        "alias.status": f"!{program}",
    }.items():
        await repository.git("config", key, value)
    kept = repository.folder / "kept.txt"
    kept.write_text("1ne\n")  # same size: only its content tells that it changed
    found = await repository.status()
    assert (found.git_repo, found.unstaged, found.untracked) == (True, 1, 1)
    assert not marker.exists()


async def test_a_configuration_that_includes_others_is_not_given_to_git(repository: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    included = tmp_path / "included"
    included.write_text(f'[filter "evil"]\n\tclean = touch {marker}; cat\n')
    (repository.folder / ".gitattributes").write_text("*.txt filter=evil\n")
    await repository.git("config", "include.path", str(included))
    (repository.folder / "kept.txt").write_text("1ne\n")
    assert await repository.status() == replace(BARE, workspace=str(repository.folder), git_repo=True)
    assert not marker.exists()


async def test_a_bare_repository_inside_the_workspace_is_not_entered(repository: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bare = Repository(repository.folder / "bare", repository.processes)
    await repository.git("init", "--bare", str(bare.folder))
    with (bare.folder / "config").open("a") as file:
        file.write(f"[core]\n\tworktree = .\n\tbare = false\n\tfsmonitor = touch {marker}\n")
    assert (await bare.status()).untracked == 1  # the tree around it is what is looked at
    assert not marker.exists()


async def test_where_a_sandbox_is_proved_git_is_confined(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    run = Processes.run

    async def watched(processes: Processes, command: Command) -> ProcessResult:
        result = await run(processes, command)
        ran.append(result.confined_by)
        return result

    monkeypatch.setattr(Processes, "run", watched)
    (repository.folder / "new.txt").write_text("x")
    first = await repository.status()
    assert set(ran) == {"none"}
    await repository.processes.settle_tier()
    if repository.processes.known_tier == "none":
        pytest.skip("NOT TRIED: nothing confines programs here")
    ran.clear()
    assert await repository.status() == first
    assert set(ran) == {repository.processes.known_tier}


async def test_after_a_command_that_changed_what_git_runs_there_is_no_status(repository: Repository) -> None:
    await repository.processes.settle_tier()
    if repository.processes.known_tier == "none":
        pytest.skip("NOT TRIED: nothing confines programs here")
    above = str(repository.folder.parent)
    held = repository.processes.confined(confinement("workspace-write", above, None))
    script = "printf '[core]\\n\\tfsmonitor = /bin/true\\n' >>tree/.git/config"
    done = await held.run(Command(argv=held.shell(script), cwd=above, timeout=30))
    assert (done.exit_code, done.changed) == (0, (str(repository.folder / ".git" / "config"),))
    assert await repository.status() == replace(BARE, workspace=str(repository.folder), git_repo=True)
    git = find_git(repository.processes, str(repository.folder))
    found = find_repository(str(repository.folder))
    assert git is not None
    assert found is not None
    with pytest.raises(ToolError, match="a command changed its hooks"):
        await git.look(found, ("log",))
