"""Trust for surfaces: what a workspace could make run, what of it is trusted, and the directories outside that it may use."""

from typing import TYPE_CHECKING

from msgspec import Struct

from codewhale.config.environment import environment
from codewhale.config.settings import Settings
from codewhale.domain.ports import SystemClock
from codewhale.workspace.trust.surfaces import own_surfaces, surfaces

if TYPE_CHECKING:
    from codewhale.workspace.trust.book import Trust


class Program(Struct, frozen=True, kw_only=True):
    """What would be run, and the file that is."""

    command: str
    file: str | None


class Standing(Struct, frozen=True, kw_only=True):
    """One surface of a workspace: what it is now (`digest` None: it cannot be trusted, `problem` says why), and whether
    that is trusted. A foreign surface is never run by codewhale and has no digest."""

    path: str
    kind: str
    size: int
    ours: bool
    trusted: bool
    digest: str | None = None
    problem: str | None = None
    leads_to: str | None = None
    runs: tuple[Program, ...] = ()


def untrusted(settings: Settings, workspace: str) -> tuple[str, ...]:
    """The paths in this workspace that codewhale will not run or obey; looked for by name first, which costs little."""
    if not own_surfaces(workspace):
        return ()
    return tuple(one.path for one in trust_of(settings).untrusted(workspace))


def standing_of(settings: Settings) -> list[Standing]:
    """Every surface of the workspace, ours first."""
    own = [
        Standing(
            path=one.surface.path,
            kind=one.surface.kind,
            size=one.surface.size,
            ours=True,
            trusted=trusted,
            digest=one.digest,
            problem=one.problem,
            leads_to=one.leads_to,
            runs=tuple(Program(command=run.command, file=run.file) for run in one.runs),
        )
        for one, trusted in trust_of(settings).standing(settings.workspace)
    ]
    foreign = [
        Standing(path=one.path, kind=one.kind, size=one.size, ours=False, trusted=False)
        for one in surfaces(settings.workspace)
        if not one.ours
    ]
    return [*own, *foreign]


def grant(settings: Settings, digests: dict[str, str]) -> list[str]:
    """Trust these surfaces if each still has the digest that was shown; the paths that have changed since, and then nothing
    was trusted."""
    trust = trust_of(settings)
    now = {one.surface.path: one for one, _ in trust.standing(settings.workspace)}
    changed = [path for path, digest in digests.items() if path not in now or now[path].digest != digest]
    if not changed:
        trust.grant(settings.workspace, [now[path] for path in digests])
    return changed


def revoke(settings: Settings, paths: list[str]) -> int:
    """Trust these (all, where none is named) no more; how many were."""
    return trust_of(settings).revoke(settings.workspace, paths or None)


def trusted_paths(settings: Settings) -> tuple[str, ...]:
    """Directories outside the workspace that its threads may use."""
    from codewhale.workspace.trust.paths import TrustedPaths  # noqa: PLC0415 - start-up: few have any

    return TrustedPaths(settings.trusted_paths_file).of(settings.workspace)


def trust_path(settings: Settings, directory: str) -> str:
    """Let the workspace's threads use a directory outside; its real path."""
    from codewhale.workspace.trust.paths import TrustedPaths  # noqa: PLC0415 - start-up: few have any

    return TrustedPaths(settings.trusted_paths_file).add(settings.workspace, directory)


def distrust_path(settings: Settings, directory: str) -> bool:
    """Take that back; whether it was allowed."""
    from codewhale.workspace.trust.paths import TrustedPaths  # noqa: PLC0415 - start-up: few have any

    return TrustedPaths(settings.trusted_paths_file).remove(settings.workspace, directory)


def trust_of(settings: Settings) -> "Trust":
    """What the person has trusted."""
    from codewhale.workspace.trust.book import Trust  # noqa: PLC0415 - start-up: most workspaces have nothing to trust

    return Trust(settings.trust_file, SystemClock(), environment())
