"""The points of a runtime at which hooks run. Where a person and a project have none, this costs a look at one path; all else
is imported with the first hook.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from codewhale.domain.hooks import HookSettings
    from codewhale.domain.records import Thread
    from codewhale.runtime.hooking import Hooking, HookWatch
    from codewhale.runtime.outside import Seat
    from codewhale.store.port import Store
    from codewhale.workspace.processes import Processes

    Trusted = Callable[[str, str, bytes], bool]
    """(workspace, path in it, content) to whether that file may make programs run."""

PROJECT_FILE = ".deepseek/hooks.toml"


class HookPoints:
    """The hooks of a runtime, made when the first is needed."""

    def __init__(
        self, settings: HookSettings, store: Store, processes: Processes, group: asyncio.TaskGroup, trusted: Trusted
    ) -> None:
        self._settings = settings
        self._given = (store, processes, group, trusted)
        self._hooking: Hooking | None = None

    async def message(self, thread: Thread, mode: str, text: str) -> str:
        """What becomes of a message to the thread. `InvalidInput` when a hook blocks it."""
        hooking = self._at(thread.workspace)
        return text if hooking is None else await hooking.message(thread, mode, text)

    def watch(self, seat: Seat) -> HookWatch | None:
        """The watch of a turn; none where no hook is."""
        hooking = self._at(seat.thread.workspace)
        return None if hooking is None else hooking.watch(seat)

    async def close(self) -> None:
        """The end of every session. Call it when no turn runs any more."""
        if self._hooking is not None:
            await self._hooking.close()

    def _at(self, workspace: str) -> Hooking | None:
        found = self._settings.hooks or os.path.lexists(os.path.join(workspace, PROJECT_FILE))
        if not self._settings.enabled or not found:
            return None
        if self._hooking is None:
            from codewhale.runtime.hooking import Hooking  # noqa: PLC0415 - start-up: few people have hooks

            self._hooking = Hooking(self._settings, *self._given)
        return self._hooking
