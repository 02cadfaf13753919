"""The turns of a thread under every id they have had: in the thread itself, and in those that it was copied from."""

from collections.abc import Callable, Iterable

from codewhale.domain.records import Turn
from codewhale.domain.views import ThreadSnapshot

MAX_COPIES = 16

Load = Callable[[str], ThreadSnapshot | None]


def turn_ids(source: ThreadSnapshot, load: Load, turns: Iterable[Turn] | None = None) -> dict[str, str]:
    """Every id of these turns (all of the thread's, if not given) to the id that the thread knows the turn by. A copied turn
    keeps its times."""
    own = list(source.turns if turns is None else turns)
    found = {turn.id: turn.id for turn in own}
    by_time = {(turn.created_at, turn.started_at, turn.input_summary): turn.id for turn in own}
    thread = source.thread
    for _ in range(MAX_COPIES):
        origin = thread.origin
        if origin is None or origin.session_id is None:
            break
        above = load(origin.session_id)
        if above is None:
            break
        for turn in above.turns:
            known = by_time.get((turn.created_at, turn.started_at, turn.input_summary))
            if known is not None:
                found.setdefault(turn.id, known)
        thread = above.thread
    return found
