"""Ids out of a path: checked for shape, then looked up by the runtime, never joined into anything."""

from codewhale.domain.errors import NotFound
from codewhale.domain.ports import is_id
from codewhale.surfaces.http.exchange import Call

SHOWN = 80


def thread_id(call: Call) -> str:
    """The `{id}` of the path; what cannot be an id is a thread that does not exist."""
    given = call.path["id"]
    if not is_id(given):
        raise NotFound(f"Thread not found: {given[:SHOWN]}")
    return given
