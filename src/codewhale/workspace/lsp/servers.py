"""The language servers of a runtime: started with the first edit that needs one, shared by all turns in a folder, started
again when they die, ended when idle, when there are too many, and with the runtime.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from codewhale.domain.confinement import confinement
from codewhale.domain.errors import ToolError
from codewhale.domain.language_servers import LspSettings
from codewhale.workspace.lsp.catalog import Known, for_file, program_of, servers_of
from codewhale.workspace.lsp.server import LanguageServer, ServerPlan
from codewhale.workspace.processes import Processes

MAX_STARTS = 3
"""How often a server is started in a row without having checked an edit to the end."""
MAX_LIVING = 6
MAX_REMEMBERED = 64
"""Folders and languages without a server of which it is known that this was said."""
IDLE_SECONDS = 600.0


class Absent(Struct, frozen=True, kw_only=True):
    """No server: why, in a sentence, and whether this is the first time that it is said."""

    why: str
    first: bool


class ServerState(Struct, frozen=True, kw_only=True):
    """How a server is doing, for people."""

    language: str
    root: str
    program: str
    state: str


class _Slot(Struct, kw_only=True):
    known: Known
    root: str
    server: LanguageServer | None = None
    starts: int = 0
    said: bool = False
    timer: asyncio.TimerHandle | None = None


View = Callable[[Processes, str], Processes]
"""(processes, folder) to the processes that a server for the folder is started with."""


def read_only(processes: Processes, root: str) -> Processes:
    """A server reads the workspace and the machine, writes its temporary folder, and has no network. On a machine without any
    sandbox none is started."""
    return processes.confined(confinement("read-only", root, processes.home), bare=True)


class LanguageServers:
    """All of them. `allowed` says whether a folder is trusted so far that servers may run there without a
    sandbox; `view` gives the sandbox."""

    def __init__(
        self,
        settings: LspSettings,
        processes: Processes,
        *,
        allowed: Callable[[str], bool],
        view: View = read_only,
    ) -> None:
        self.settings = settings
        self._known = servers_of(settings)
        self._processes = processes
        self._allowed = allowed
        self._view = view
        self._slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
        self._ending: list[LanguageServer] = []
        self._stopped = False

    def known(self, path: str) -> Known | None:
        """The server that would know about this file, by its name; None for most files and when switched off."""
        return for_file(self._known, path) if self.settings.enabled else None

    def server(self, root: str, known: Known) -> LanguageServer | Absent:
        """The running server for a folder, started if need be."""
        if self._stopped:
            return Absent(why="The runtime is stopping.", first=False)
        self._forget_some()
        slot = self._slots.setdefault((root, known.language), _Slot(known=known, root=root))
        self._slots.move_to_end((root, known.language))
        living = self._living(slot)
        if living is None:
            if slot.starts >= MAX_STARTS:
                return self._given_up(slot)
            started = self._started(slot)
            if isinstance(started, Absent):
                return started
            living = started
        self._used(slot)
        return living

    async def prepare(self, root: str, known: Known) -> None:
        """Have everything ready for `server`, away from the event loop: which sandbox there is is tried out once."""
        if program_of(known, self._processes.search_path, root) is not None:
            await self._view(self._processes, root).settle_tier()

    def states(self) -> list[ServerState]:
        """Those started so far."""
        return [
            ServerState(
                language=slot.known.language,
                root=slot.root,
                program=slot.server.plan.argv[0],
                state=_state(slot.server),
            )
            for slot in self._slots.values()
            if slot.server is not None
        ]

    def programs(self, root: str) -> dict[str, str | None]:
        """For every language the program that serves it in a folder, None where there is none. Nothing is started."""
        found = {known.language: program_of(known, self._processes.search_path, root) for known in self._known}
        return {language: None if program is None else program.argv[0] for language, program in found.items()}

    def stop(self) -> None:
        """End all and start no more."""
        self._stopped = True
        for slot in self._slots.values():
            self._retire(slot, "the runtime stopped")

    async def close(self) -> None:
        """As `stop`, and wait until all are gone, which is bounded."""
        self.stop()
        for server in self._ending:
            await server.ended()
        self._ending.clear()

    def _living(self, slot: _Slot) -> LanguageServer | None:
        return slot.server if slot.server is not None and slot.server.problem is None else None

    def _forget_some(self) -> None:
        old = [key for key, slot in self._slots.items() if slot.server is None]
        for key in old[: max(0, len(old) - MAX_REMEMBERED)]:
            del self._slots[key]

    def _given_up(self, slot: _Slot) -> Absent:
        why = slot.server.problem if slot.server is not None else None
        return _absent(
            slot,
            f"The language server for {slot.known.language} was started {MAX_STARTS} times and checked nothing ({why}); "
            "it is left alone for ten minutes.",
        )

    def _started(self, slot: _Slot) -> LanguageServer | Absent:
        program = program_of(slot.known, self._processes.search_path, slot.root)
        if program is None:
            names = " or ".join(argv[0] for argv in slot.known.commands)
            return _absent(
                slot, f"There is no {names} outside the workspace, so {slot.known.language} edits are not checked."
            )
        view = self._view(self._processes, slot.root)
        held = view.confined_by != "none" or self._allowed(slot.root)
        if not held:
            return _absent(
                slot,
                f"{program.argv[0]} would read and may run what lies in the project, and there is no sandbox here to hold "
                f"it, so {slot.known.language} edits are not checked.",
            )
        plan = ServerPlan(
            name=slot.known.language,
            argv=program.argv,
            root=slot.root,
            path=program.path,
            options=slot.known.options,
            settings=_settings(slot.known, slot.root) if held else {},
            tells_quiet=slot.known.tells_quiet,
        )
        if slot.server is not None and slot.server.proved:
            slot.starts = 0
        slot.starts += 1
        self._make_room(slot)
        try:
            slot.server = LanguageServer(plan, view)
        except ToolError as error:
            return _absent(slot, error.message)
        return slot.server

    def _make_room(self, wanted: _Slot) -> None:
        living = [slot for slot in self._slots.values() if slot is not wanted and self._living(slot) is not None]
        for slot in living[: max(0, len(living) - MAX_LIVING + 1)]:
            self._retire(slot, "others were needed")

    def _used(self, slot: _Slot) -> None:
        if slot.timer is not None:
            slot.timer.cancel()
        slot.timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._idle, slot)

    def _idle(self, slot: _Slot) -> None:
        self._retire(slot, "it was not needed")

    def _retire(self, slot: _Slot, why: str) -> None:
        if slot.timer is not None:
            slot.timer.cancel()
        if slot.server is not None:
            slot.server.end(why)
            self._ending = [server for server in self._ending if not server.over]
            self._ending.append(slot.server)
        slot.server = None
        slot.starts = 0


def _absent(slot: _Slot, why: str) -> Absent:
    first, slot.said = not slot.said, True
    return Absent(why=why, first=first)


def _state(server: LanguageServer) -> str:
    if server.problem is not None:
        return f"ended: {server.problem}"
    return "running" if server.proved else "starting"


def _settings(known: Known, root: str) -> dict[str, object]:
    """What the server may ask for. A Python interpreter of the project's own is where its libraries are found."""
    if known.language != "python":
        return {}
    interpreter = next(
        (place for name in (".venv", "venv") if os.path.exists(place := os.path.join(root, name, "bin", "python"))),
        None,
    )
    return {"python": {"pythonPath": interpreter}} if interpreter is not None else {}
