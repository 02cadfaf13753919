"""Tells the model what its edits broke: a watch around the turn's calls that asks the language servers.

Their modules are loaded with the first edit of a file that one of them could know; until then this costs a look at the end
of a file's name. What goes wrong here is a note to people, never the end of a turn.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.domain.language_servers import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from codewhale.domain.language_servers import LspSettings
    from codewhale.domain.records import Status, Turn
    from codewhale.domain.tools import Advice, ToolOutput
    from codewhale.policy.decide import PlannedCall
    from codewhale.runtime.outside import Seat
    from codewhale.workspace.lsp.edits import EditChecks, FileReport
    from codewhale.workspace.lsp.findings import Shown
    from codewhale.workspace.lsp.servers import LanguageServers, View
    from codewhale.workspace.processes import Processes

EDITING = frozenset({"write_file", "edit_file", "apply_patch"})
SOURCE = "diagnostics"
"""What the note says that brings late findings to the model."""


class Diagnostics:
    """The language servers of a runtime, and the watches of its turns. `allowed` says whether a folder is trusted so far that
    a server which runs code of it may run without a sandbox; `view` replaces the sandbox."""

    def __init__(
        self, settings: LspSettings, processes: Processes, allowed: Callable[[str], bool], view: View | None = None
    ) -> None:
        self.settings = settings
        self._processes = processes
        self._allowed = allowed
        self._view = view
        self._servers: LanguageServers | None = None
        self._checking: set[EditDiagnostics] = set()
        own = (extension for one in settings.custom.values() for extension in one.extensions)
        self._extensions = EXTENSIONS.union(own)

    @property
    def servers(self) -> LanguageServers:
        """The servers; none is started by asking."""
        if self._servers is None:
            from codewhale.workspace.lsp.servers import LanguageServers, read_only  # noqa: PLC0415 - start-up: few edit

            view = self._view or read_only
            self._servers = LanguageServers(self.settings, self._processes, allowed=self._allowed, view=view)
        return self._servers

    def watch(self, seat: Seat) -> EditDiagnostics | None:
        """The watch of a turn; none when diagnostics are switched off."""
        return EditDiagnostics(self, seat) if self.settings.enabled else None

    def checking(self, watch: EditDiagnostics, *, on: bool) -> None:
        """A turn begins to have checks under way, or has none any more."""
        (self._checking.add if on else self._checking.discard)(watch)

    def interesting(self, paths: Iterable[str]) -> list[str]:
        """The files that a server could know, by their names."""
        return [path for path in paths if os.path.splitext(path)[1].lower() in self._extensions]

    def stop(self) -> None:
        """End all checks and servers; no more are begun."""
        for watch in self._checking:
            watch.abandon()
        if self._servers is not None:
            self._servers.stop()

    async def close(self) -> None:
        """As `stop`, and wait until the servers are gone, which is bounded."""
        self.stop()
        if self._servers is not None:
            await self._servers.close()


class EditDiagnostics:
    """The watch of one turn."""

    def __init__(self, diagnostics: Diagnostics, seat: Seat) -> None:
        self._diagnostics = diagnostics
        self._seat = seat
        self._checks: EditChecks | None = None
        self._checking = False

    def turn_started(self, turn: Turn) -> None:
        """Nothing is known of edits yet."""

    async def call_planned(self, call: PlannedCall) -> Advice | None:
        """Nothing to say about what may run."""
        del call
        return None

    async def call_cleared(self, call: PlannedCall) -> None:
        """An edit is about to be made: see what the files are like, and have it looked at what is wrong in them already."""
        self._checking = False
        if call.tool in EDITING and call.arguments is not None:
            paths = self._diagnostics.interesting(_paths(call.tool, call.arguments))
            if paths:
                self._checking = True
                await self._of_turn().begin(paths)

    async def call_ended(self, call: PlannedCall, output: ToolOutput) -> ToolOutput:
        """What the edit broke is added to its result."""
        if not self._checking or self._checks is None or call.tool not in EDITING:
            return output
        self._checking = False
        changed = not output.is_error and bool((output.metadata or {}).get("touched_files"))
        reports = await self._checks.finish(edited=changed)
        if not reports:
            return output
        shown = self._shown()
        said = _elements(reports, shown)
        metadata = {**(output.metadata or {}), "diagnostics": [report.metadata(shown) for report in reports]}
        return replace(output, text=f"{output.text}\n{said}" if said else output.text, metadata=metadata)

    async def turn_ended(self, turn: Turn, status: Status) -> None:
        """Nobody waits for late findings any more."""
        del turn, status
        self.abandon()
        self._diagnostics.checking(self, on=False)

    def abandon(self) -> None:
        """End what is under way."""
        if self._checks is not None:
            self._checks.abandon()

    def _of_turn(self) -> EditChecks:
        if self._checks is None:
            from codewhale.workspace.lsp.edits import EditChecks  # noqa: PLC0415 - start-up: few turns edit

            seat = self._seat
            self._diagnostics.checking(self, on=True)
            self._checks = EditChecks(self._diagnostics.servers, seat.files, seat.group, seat.recorder.note, self._late)
        return self._checks

    def _late(self, reports: list[FileReport]) -> None:
        said = _elements(reports, self._shown())
        if said:
            self._seat.tell(f"The language server has finished with your last edits.\n{said}", SOURCE)

    def _shown(self) -> Shown:
        from codewhale.workspace.lsp.findings import Shown  # noqa: PLC0415 - start-up: few turns edit

        settings = self._diagnostics.settings
        return Shown(most=settings.max_per_file, warnings=settings.include_warnings)


def _elements(reports: list[FileReport], shown: Shown) -> str:
    return "\n".join(said for report in reports if (said := report.element(shown)))


def _paths(tool: str, arguments: str) -> list[str]:
    """The files that a call would edit, as far as its arguments can be read."""
    try:
        given = msgspec.json.decode(arguments, type=dict[str, object])
    except msgspec.DecodeError:
        return []
    path = given.get("path")
    named = [path] if isinstance(path, str) else []
    return named if tool != "apply_patch" else [*_changed(given), *_patched(given.get("patch"), path)]


def _changed(given: dict[str, object]) -> list[str]:
    changes = given.get("changes")
    try:
        return [change["path"] for change in msgspec.convert(changes or [], type=list[dict[str, str]])]
    except (msgspec.ValidationError, KeyError):
        return []


def _patched(patch: object, path: object) -> list[str]:
    if not isinstance(patch, str):
        return []
    from codewhale.workspace.patch import parse_patch  # noqa: PLC0415 - start-up: loaded with the tool itself

    try:
        patches = parse_patch(patch, path if isinstance(path, str) else None)
    except ToolError:
        return []
    return [place for one in patches for place in (one.old, one.new) if place is not None]


def language_programs(settings: LspSettings, environ: Mapping[str, str], workspace: str) -> dict[str, str | None]:
    """For every language the program that would check edits of it in the workspace; None where there is none."""
    from codewhale.workspace.environ import child_environment  # noqa: PLC0415 - start-up: asked by one command only
    from codewhale.workspace.lsp.catalog import program_of, servers_of  # noqa: PLC0415 - as above

    path, root = child_environment(environ)["PATH"], os.path.realpath(workspace)
    found = {known.language: program_of(known, path, root) for known in servers_of(settings)}
    return {language: None if program is None else program.argv[0] for language, program in found.items()}
