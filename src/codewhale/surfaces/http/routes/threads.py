"""Threads: create, list, look at, change, resume, fork (runtime-contract §1.4, 9-15)."""

from msgspec import UNSET

from codewhale.domain.commands import NewThread, ThreadPatch
from codewhale.domain.errors import InvalidInput
from codewhale.domain.records import Thread
from codewhale.domain.views import ThreadFilter, ThreadSummary
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get, post, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import thread_id
from codewhale.surfaces.http.present import detail

SUMMARY_DEFAULT = 50
SUMMARY_MAX = 500

_ARCHIVED = Param("include_archived", "flag", "Archived threads too.")
_ARCHIVED_ONLY = Param("archived_only", "flag", "Archived threads only; stronger than include_archived.")
_WORKSPACE = Param("workspace", "text", "Only threads of this workspace.")
_SEARCH = Param("search", "text", "Only threads that have this text in id, title, preview or model, in any case.")


async def list_threads(call: Call) -> Reply:
    """Threads, newest change first."""
    return json_reply(await call.client.threads(_filter(call, call.uint("limit"))))


async def list_summaries(call: Call) -> Reply:
    """One row per thread, newest change first; filtered first, limited after."""
    limit = call.uint("limit")
    limit = SUMMARY_DEFAULT if limit is None else min(max(limit, 1), SUMMARY_MAX)
    return json_reply(await call.client.summaries(_filter(call, limit)))


async def create_thread(call: Call, new: NewThread) -> Reply:
    """A new, empty thread."""
    return json_reply(await call.client.create_thread(new), 201)


async def get_thread(call: Call) -> Reply:
    """The thread with its turns, items and open requests, at one point of the log."""
    return json_reply(detail(await call.client.snapshot(thread_id(call))))


async def update_thread(call: Call, patch: ThreadPatch) -> Reply:
    """Change settings; they hold from the next turn on."""
    if all(getattr(patch, name) in (None, UNSET) for name in patch.__struct_fields__):
        raise InvalidInput("At least one thread field is required")
    return json_reply(await call.client.update_thread(thread_id(call), patch))


async def resume_thread(call: Call) -> Reply:
    """Make the thread ready for its next turn."""
    return json_reply(await call.client.resume_thread(thread_id(call)))


async def fork_thread(call: Call) -> Reply:
    """A copy of the thread that goes its own way."""
    return json_reply(await call.client.fork_thread(thread_id(call)), 201)


def _filter(call: Call, limit: int | None) -> ThreadFilter:
    return ThreadFilter(
        limit=limit,
        include_archived=call.flag("include_archived"),
        archived_only=call.flag("archived_only"),
        search=call.text("search"),
        workspace=call.text("workspace"),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/threads",
        list_threads,
        Spec(
            doc="List threads, newest change first.",
            answer=list[Thread],
            params=(
                Param("limit", "uint", "At most so many; absent is all."),
                _SEARCH,
                _ARCHIVED,
                _ARCHIVED_ONLY,
                _WORKSPACE,
            ),
        ),
    ),
    with_body(
        "POST",
        "/v1/threads",
        NewThread,
        create_thread,
        Spec(doc="Create a thread.", status=201, answer=Thread, errors=(400,)),
    ),
    get(
        "/v1/threads/summary",
        list_summaries,
        Spec(
            doc="List threads as rows with title and preview.",
            answer=list[ThreadSummary],
            params=(
                Param("limit", "uint", f"At most so many, 1 to {SUMMARY_MAX}; {SUMMARY_DEFAULT} when absent."),
                _SEARCH,
                _ARCHIVED,
                _ARCHIVED_ONLY,
                _WORKSPACE,
            ),
        ),
    ),
    get(
        "/v1/threads/{id}",
        get_thread,
        Spec(doc="A thread with everything in it.", answer=wire.ThreadDetail, errors=(404,)),
    ),
    with_body(
        "PATCH",
        "/v1/threads/{id}",
        ThreadPatch,
        update_thread,
        Spec(doc="Change a thread's settings.", answer=Thread, errors=(400, 404)),
    ),
    post(
        "/v1/threads/{id}/resume",
        resume_thread,
        Spec(doc="Make a thread ready for its next turn.", answer=Thread, errors=(404,)),
    ),
    post(
        "/v1/threads/{id}/fork",
        fork_thread,
        Spec(doc="Copy a thread.", status=201, answer=Thread, errors=(404,)),
    ),
)
