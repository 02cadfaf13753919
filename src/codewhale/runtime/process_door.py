"""The background processes of a runtime, made when the first is needed: most runs have none, and their parts cost time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from codewhale.engine.ports import Ports
    from codewhale.runtime.process_telling import Threads
    from codewhale.runtime.processes import RuntimeProcesses
    from codewhale.runtime.residents import ActiveTurn, Resident


class ProcessDoor:
    """Passes on what concerns processes once there are any, in this runtime or in the log."""

    def __init__(self, ports: Ports, threads: Threads, group: asyncio.TaskGroup, folder: str | None) -> None:
        self._ports = ports
        self._threads = threads
        self._group = group
        self._folder = folder
        self._opened: RuntimeProcesses | None = None

    def open(self) -> RuntimeProcesses:
        """The processes."""
        if self._opened is None:
            from codewhale.runtime.processes import RuntimeProcesses  # noqa: PLC0415 - start-up: as said above

            self._opened = RuntimeProcesses(self._ports, self._threads, self._group, self._folder)
        return self._opened

    def recover(self) -> None:
        """Take up what the log has as running."""
        if self._ports.store.processes.open():
            self.open().recover()

    def turn_begun(self, resident: Resident, active: ActiveTurn) -> None:
        """A turn is about to make its first model call."""
        if self._opened is not None or self._ports.store.processes.untold(resident.thread.id):
            self.open().turn_begun(resident, active)

    def turn_ended(self, resident: Resident) -> None:
        """A turn has ended and its thread is free."""
        if self._opened is not None:
            self._opened.turn_ended(resident)

    def stop(self) -> None:
        """End what is not to be kept."""
        if self._opened is not None:
            self._opened.stop()
