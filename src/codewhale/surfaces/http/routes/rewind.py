"""Ways back: undo and retry on a new thread; with the files too, or the files alone (runtime-contract §1.5)."""

from codewhale.domain.commands import StartedTurn
from codewhale.domain.errors import InvalidInput
from codewhale.domain.snapshots import PatchResult, PatchUndone, Restored, SnapshotRow
from codewhale.runtime.client_sessions import Undone
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get, post, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import thread_id

SNAPSHOT_LIMIT = 100


async def undo_turns(call: Call, given: wire.UndoRequest) -> Reply:
    """A new thread without the last turns."""
    return json_reply(await call.client.rewinds.undo(thread_id(call), given.depth), 201)


async def undo_with_files(call: Call, given: wire.PatchUndoRequest) -> Reply:
    """A new thread without the last turns, and the files as they were before them."""
    done = await call.client.rewinds.patch_undo(thread_id(call), given.depth, force=given.force)
    return json_reply(done, 201)


async def retry_turn(call: Call, given: wire.RetryRequest) -> Reply:
    """A new thread without the last turns, where the same is said again."""
    return json_reply(await call.client.rewinds.retry(thread_id(call), given.depth, given.prompt), 201)


async def revert_files(call: Call, given: wire.RevertRequest) -> Reply:
    """The files as they were before the last turns that changed any."""
    return json_reply(await call.client.rewinds.revert(thread_id(call), given.turns, force=given.force))


async def list_snapshots(call: Call) -> Reply:
    """The saved states of a workspace."""
    limit = call.uint("limit")
    if limit is not None and not 1 <= limit <= SNAPSHOT_LIMIT:
        raise InvalidInput(f"limit must be between 1 and {SNAPSHOT_LIMIT}")
    return json_reply(await call.client.rewinds.snapshots(limit or 20, call.text("workspace")))


async def restore_snapshot(call: Call) -> Reply:
    """The files of a saved state."""
    wanted = call.path["id"]
    done = await call.client.rewinds.restore(wanted, workspace=call.text("workspace"), force=call.flag("force"))
    return json_reply(Restored(restored=wanted, result=done))


_WORKSPACE = Param("workspace", "text", "Another workspace than the server's (ours).")
_FORCE = Param("force", "flag", "Overwrite files that changed since in another way (ours).")

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
        wire.PatchUndoRequest,
        undo_with_files,
        Spec(
            doc="Undo with the files too; 409 when they changed since in another way.",
            status=201,
            answer=PatchUndone,
            errors=(400, 404, 409, 501),
        ),
    ),
    with_body(
        "POST",
        "/v1/threads/{id}/revert",
        wire.RevertRequest,
        revert_files,
        Spec(
            doc="Only the files, as they were before the last turns that changed any; the conversation stays (ours).",
            answer=PatchResult,
            errors=(404, 409, 501),
        ),
    ),
    get(
        "/v1/snapshots",
        list_snapshots,
        Spec(
            doc="Saved states of the workspace, newest first; 501 where it can have none.",
            answer=list[SnapshotRow],
            params=(Param("limit", "uint", f"At most so many, 1 to {SNAPSHOT_LIMIT}; 20 when absent."), _WORKSPACE),
            errors=(400, 501),
        ),
    ),
    post(
        "/v1/snapshots/{id}/restore",
        restore_snapshot,
        Spec(
            doc="Bring a saved state's files back; 409 when that would overwrite what no snapshot has.",
            answer=Restored,
            params=(_WORKSPACE, _FORCE),
            errors=(404, 409, 501),
        ),
    ),
)
