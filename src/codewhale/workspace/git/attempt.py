"""What a try at a change amounts to: where it began, where it is, and one patch of everything that differs, new files included.

The repository stays as it is: index and new objects are scratch of our own.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.workspace.git.repository import Repository
from codewhale.workspace.git.run import Git, GitJob
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import ProcessResult

MOST_FILES = 5_000
MOST_BYTES = 64 * 1024 * 1024
SECONDS = 60.0
_BASES = ("refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master")
_DIFF = ("diff", "--cached", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=all")
_FAILED = re.compile(r"^error: (?:patch failed: )?(.+?)(?::\d+)?(?:: .*)?$", re.MULTILINE)


class Changes(Struct, frozen=True, kw_only=True):
    """The refs are short names, None where HEAD is on no branch. `files` are paths from the top of the repository."""

    base_ref: str | None
    base_sha: str
    head_ref: str | None
    head_sha: str
    files: tuple[str, ...]
    patch: str


class Fit(Struct, frozen=True, kw_only=True):
    """Whether a patch applies to the files as they are: `applies`, `applied` (they have it already) or `conflicts` with
    these files."""

    verdict: str
    files: tuple[str, ...] = ()
    said: str = ""


class _Desk(Struct, frozen=True):
    """git, and the job that every run of it here is made of: its drivers are looked up once."""

    git: Git
    job: GitJob


async def changes(git: Git, repository: Repository, place: str | None, scratch: str) -> Changes:
    """What differs below `place` (from the top; None for all) since the base. `scratch` is an empty folder of ours."""
    desk = _Desk(git, await git.harmless(repository, ()))
    head_sha = await _line(desk, ("rev-parse", "--verify", "--quiet", "HEAD^{commit}"))
    if head_sha is None:
        raise ToolError("The repository has no commit yet, so there is nothing that an attempt could differ from.")
    head_ref = await _line(desk, ("symbolic-ref", "--quiet", "--short", "HEAD"))
    base_ref, base_sha = await _base(desk, head_ref, head_sha)
    below = ("--", place) if place is not None else ("--",)
    await _check_size(desk, repository.top, below)
    own = _scratched(repository, scratch)
    await _asked(desk, ("add", "--all", *(below if place is not None else ())), own)
    named = await _asked(desk, (*_DIFF, "--name-only", "-z", base_sha, *below), own)
    patch = await _asked(desk, (*_DIFF, "--binary", "--full-index", base_sha, *below), own)
    return Changes(
        base_ref=base_ref,
        base_sha=base_sha,
        head_ref=head_ref,
        head_sha=head_sha,
        files=tuple(name for name in named.split("\0") if name),
        patch=patch,
    )


async def fits(git: Git, repository: Repository, patch: str) -> Fit:
    """Try the patch on the files without changing any."""
    desk = _Desk(git, await git.harmless(repository, ()))
    done = await _tried(desk, patch, ())
    if done.exit_code == 0:
        return Fit(verdict="applies")
    if (await _tried(desk, patch, ("--reverse",))).exit_code == 0:
        return Fit(verdict="applied")
    said = plain(done.stderr.text).strip()
    return Fit(verdict="conflicts", files=tuple(dict.fromkeys(_FAILED.findall(said)))[:50], said=said[:2000])


async def _tried(desk: _Desk, patch: str, more: Sequence[str]) -> ProcessResult:
    words = ("apply", "--check", "--whitespace=nowarn", *more, "-")
    stdin = patch.encode("utf-8", "surrogateescape")
    done = await desk.git.run(replace(desk.job, words=words, stdin=stdin, seconds=SECONDS))
    if done.timed_out:
        raise ToolError("git took too long to try the patch and was stopped.", category="timeout")
    return done


async def _base(desk: _Desk, head_ref: str | None, head_sha: str) -> tuple[str | None, str]:
    """The main line that the work left, and where; the head itself when it is on that line or there is none."""
    main = await _line(desk, ("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"))
    for ref in dict.fromkeys((*((main,) if main else ()), *_BASES)):
        short = ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
        if short == head_ref:
            continue
        found = await _line(desk, ("merge-base", "--end-of-options", ref, "HEAD"))
        if found is not None:
            return short, found
    return head_ref, head_sha


async def _check_size(desk: _Desk, top: str, below: Sequence[str]) -> None:
    words = ("ls-files", "-z", "--others", "--modified", "--exclude-standard", *below)
    names = {name for name in (await _asked(desk, words, {})).split("\0") if name}
    size = sum(_sizes(top, names))
    if len(names) > MOST_FILES or size > MOST_BYTES:
        raise ToolError(
            f"{len(names):,} files with {size:,} bytes are changed or new; at most {MOST_FILES:,} and {MOST_BYTES:,} bytes make "
            "an attempt. Ignore what is generated, or commit first."
        )


def _sizes(top: str, names: set[str]) -> Iterator[int]:
    for name in names:
        try:
            yield os.lstat(os.path.join(top, name)).st_size
        except OSError:  # gone, which takes no room
            continue


def _scratched(repository: Repository, scratch: str) -> dict[str, str]:
    """The variables under which git keeps its index and new objects in `scratch`."""
    index = os.path.join(scratch, "index")
    objects = os.path.join(scratch, "objects")
    os.mkdir(objects)
    if os.path.isfile(os.path.join(repository.git_dir, "index")):
        shutil.copyfile(os.path.join(repository.git_dir, "index"), index)
    return {
        "GIT_INDEX_FILE": index,
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.path.join(repository.common, "objects"),
    }


async def _asked(desk: _Desk, words: Sequence[str], environ: Mapping[str, str]) -> str:
    environ = {**desk.job.environ, **environ}
    done = await desk.git.run(replace(desk.job, words=tuple(words), environ=environ, seconds=SECONDS))
    if done.timed_out:
        raise ToolError("git took too long and was stopped.", category="timeout")
    if done.exit_code != 0:
        raise ToolError(f"git {words[0]} failed: {plain(done.stderr.text).strip()[:2000] or 'it does not say why'}")
    if done.stdout.omitted:
        raise ToolError(f"The changes are larger than an attempt may be ({done.stdout.length:,} bytes).")
    return done.stdout.text


async def _line(desk: _Desk, words: Sequence[str]) -> str | None:
    """The one line that git answers with; None when it answers nothing."""
    done = await desk.git.run(replace(desk.job, words=tuple(words)))
    text = done.stdout.text.strip()
    return text if done.exit_code == 0 and text else None
