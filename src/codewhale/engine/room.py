"""The room that a turn's calls run in: what they may touch, which tools there are, and how much is allowed. Made for every
turn; what plans, decides and runs calls is imported with the first one.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.requests import ClientTool
from codewhale.domain.wishes import Origin, R, Wish
from codewhale.engine.requests import RequestDesk
from codewhale.engine.watch import NOBODY, Watches
from codewhale.policy.posture import Posture
from codewhale.tools.catalogue import Catalogue
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes
from codewhale.workspace.web.web import NOWHERE, Web


class Grant(Protocol):
    """Grants what only the runtime can: a task, a stored output. `ToolError` when it will not or cannot."""

    async def __call__(self, wish: Wish[R], origin: Origin) -> R: ...


async def grant_nothing(wish: Wish[R], origin: Origin) -> R:
    """Where tools are on their own."""
    del origin
    raise ToolError(f"There is nobody here to grant {type(wish).__name__}.", category="not_available")


class CallRoom(Struct, frozen=True, kw_only=True):
    """Where calls run: what they may touch, which tools there are, and how much is allowed (asked anew per call)."""

    files: Files
    processes: Processes
    catalogue: Catalogue
    posture: Callable[[], Posture]
    desk: RequestDesk
    client_tools: Mapping[str, ClientTool] = {}
    grant: Grant = grant_nothing
    watches: Watches = NOBODY
    web: Web = NOWHERE
