"""Which thread a command means: a new one, an id or the beginning of one, or this folder's latest."""

from msgspec import Struct

from codewhale.domain.commands import NewThread
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.records import Thread
from codewhale.domain.views import ThreadFilter
from codewhale.runtime.client import Client

SHOWN = 5
LIST_HINT = "`codewhale threads list` shows them"


class Choice(Struct, frozen=True, kw_only=True):
    """What was said about the thread; `new` is made when nothing was. One that exists must be of `provider`, if given."""

    workspace: str
    new: NewThread
    prefix: str | None = None
    exact: str | None = None
    latest: bool = False
    provider: str | None = None

    @property
    def resumes(self) -> bool:
        """Whether a thread that exists is meant."""
        return self.latest or self.prefix is not None or self.exact is not None


async def chosen(client: Client, choice: Choice) -> tuple[Thread, int]:
    """The thread, and the place in the log after which its next turn begins."""
    if not choice.resumes:
        return await client.create_thread(choice.new), 0
    if choice.exact is not None:
        thread_id = choice.exact
    elif choice.prefix is not None:
        thread_id = await resolve(client, choice.prefix)
    else:
        thread_id = await _latest(client, choice.workspace)
    snapshot = await client.snapshot(thread_id)
    kept = snapshot.thread.model_provider
    if choice.provider is not None and kept is not None and choice.provider != kept:
        raise InvalidInput(
            f"this thread goes on with {kept}, where it began, not with {choice.provider}",
            hint="leave out --provider, or begin a new thread",
        )
    return snapshot.thread, snapshot.latest_seq


async def resolve(client: Client, prefix: str) -> str:
    """The id that begins with `prefix`. `NotFound` for none, `InvalidInput` for several."""
    rows = await client.summaries(ThreadFilter(search=prefix, include_archived=True, limit=500))
    ids = [row.id for row in rows if row.id.startswith(prefix)]
    if prefix in ids:
        return prefix
    if not ids:
        raise NotFound(f"no thread has an id that begins with {prefix[:80]!r}", hint=LIST_HINT)
    if len(ids) > 1:
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        raise InvalidInput(
            f"{len(ids)} threads have an id that begins with {prefix!r}: {', '.join(ids[:SHOWN])}{more}",
            hint="give more letters of the id",
        )
    return ids[0]


async def _latest(client: Client, workspace: str) -> str:
    found = await client.threads(ThreadFilter(workspace=workspace, limit=1))
    if not found:
        raise NotFound(f"there is no thread in {workspace} to continue", hint=f"leave out --continue; {LIST_HINT}")
    return found[0].id
