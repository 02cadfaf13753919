"""What a workspace differs by from where its work began, found out by our own git with an index of its own."""

import asyncio
import tempfile

from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.tools.pr_attempt import TakeChanges, place_of
from codewhale.workspace.git.attempt import Changes, changes
from codewhale.workspace.git.repository import find_repository
from codewhale.workspace.git.run import find_git


async def take(wish: TakeChanges, origin: Origin, runtime: Runtime) -> Changes:
    """The patch of all of it."""
    del wish
    git = find_git(runtime.outside.processes, origin.workspace)
    repository = find_repository(origin.workspace)
    if git is None or repository is None:
        what = (
            "git is not installed here" if git is None else "the workspace is in no git repository that is ours to read"
        )
        raise ToolError(f"No attempt can be recorded: {what}.", category="not_available")
    scratch = await asyncio.to_thread(tempfile.TemporaryDirectory[str], prefix="codewhale-attempt-")
    try:
        return await changes(git, repository, place_of(repository, origin.workspace), scratch.name)
    finally:
        scratch.cleanup()


ANSWERS = {TakeChanges: take}
