"""Ways back: undo and retry on a new thread; with the files too once there are snapshots (runtime-contract §1.5)."""

from codewhale.domain.commands import StartedTurn
from codewhale.domain.errors import InvalidInput, NotAvailable
from codewhale.runtime.client_sessions import Undone
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get, post, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import thread_id

NO_SNAPSHOTS = "Snapshots of the workspace are not available: this server keeps none yet"
SNAPSHOT_LIMIT = 100


async def undo_turns(call: Call, given: wire.UndoRequest) -> Reply:
    """A new thread without the last turns."""
    return json_reply(await call.client.rewinds.undo(thread_id(call), given.depth), 201)


async def undo_with_files(call: Call, given: wire.UndoRequest) -> Reply:
    """A new thread without the last turns, and the files as they were: checked, then refused."""
    await call.client.rewinds.patch_undo(thread_id(call), given.depth)


async def retry_turn(call: Call, given: wire.RetryRequest) -> Reply:
    """A new thread without the last turns, where the same is said again."""
    return json_reply(await call.client.rewinds.retry(thread_id(call), given.depth, given.prompt), 201)


async def list_snapshots(call: Call) -> Reply:
    """The limit is checked, then refused."""
    limit = call.uint("limit")
    if limit is not None and not 1 <= limit <= SNAPSHOT_LIMIT:
        raise InvalidInput(f"limit must be between 1 and {SNAPSHOT_LIMIT}")
    raise NotAvailable(NO_SNAPSHOTS)


async def restore_snapshot(call: Call) -> Reply:
    """Refused."""
    del call
    raise NotAvailable(NO_SNAPSHOTS)


ENDPOINTS: tuple[Endpoint, ...] = (
    with_body(
        "POST",
        "/v1/threads/{id}/undo",
        wire.UndoRequest,
        undo_turns,
        Spec(doc="A new thread without the last turns.", status=201, answer=Undone, errors=(400, 404, 409)),
    ),
    with_body(
        "POST",
        "/v1/threads/{id}/retry",
        wire.RetryRequest,
        retry_turn,
        Spec(
            doc="A new thread without the last turns, and the same said again in it.",
            status=201,
            answer=StartedTurn,
            errors=(400, 404, 409),
        ),
    ),
    with_body(
        "POST",
        "/v1/threads/{id}/patch-undo",
        wire.UndoRequest,
        undo_with_files,
        Spec(
            doc="Undo with the files too: 501 until there are snapshots, after the checks of undo.",
            status=201,
            answer=wire.PatchUndone,
            errors=(400, 404, 409, 501),
        ),
    ),
    get(
        "/v1/snapshots",
        list_snapshots,
        Spec(
            doc="Snapshots of the workspace: 501 until there are any.",
            answer=list[wire.Snapshot],
            params=(Param("limit", "uint", f"At most so many, 1 to {SNAPSHOT_LIMIT}; 20 when absent."),),
            errors=(400, 501),
        ),
    ),
    post(
        "/v1/snapshots/{id}/restore",
        restore_snapshot,
        Spec(doc="Bring a snapshot's files back: 501 until there are any.", answer=wire.Restored, errors=(501,)),
    ),
)
