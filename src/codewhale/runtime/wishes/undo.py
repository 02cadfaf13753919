"""The model's way back: the files of its own thread's turns, without overwriting what others changed."""

from codewhale.domain.errors import CodewhaleError, ToolError
from codewhale.domain.snapshots import PatchResult
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.tools.revert_turn import TakeBack


async def take_back(wish: TakeBack, origin: Origin, runtime: Runtime) -> PatchResult:
    """Undo the turns' changes; a refusal is told with what the person can do."""
    try:
        return await runtime.rewinds.revert(origin.thread_id, wish.turns, turn_id=origin.turn_id)
    except CodewhaleError as error:
        raise ToolError(error.in_full()) from error


ANSWERS = {TakeBack: take_back}
