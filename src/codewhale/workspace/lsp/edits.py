"""What the edits of one turn broke: the findings before each edit, after it, and the difference, told once.

An edit whose answer comes late stays owed: the next edit's check includes it, with what was there before the first. Nothing
here keeps the edit waiting for longer than its caller wants.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.blocking import blocking
from codewhale.workspace.files import Files
from codewhale.workspace.lsp.catalog import Known, language_id
from codewhale.workspace.lsp.findings import Finding, Shown, brought, element, gone, told
from codewhale.workspace.lsp.peer import PeerLost, Refused
from codewhale.workspace.lsp.server import LanguageServer
from codewhale.workspace.lsp.servers import Absent, LanguageServers
from codewhale.workspace.text import decode

MAX_BYTES = 1024 * 1024
"""Files beyond this are not checked."""
MAX_REMEMBERED = 64
LATE_SECONDS = 120.0
"""A server that has not answered by then is ended."""
BASELINE_SECONDS = 2.0
"""A server that cannot be asked may never publish anything about a text without findings; so long it has at least."""
TRIES = 2


class FileReport(Struct, frozen=True, kw_only=True):
    """What there is to say about one edited file: what came with the edit, how many findings went, a remark."""

    name: str
    found: tuple[Finding, ...] = ()
    gone: int = 0
    remark: str = ""
    pending: bool = False

    def element(self, shown: Shown) -> str:
        """As the model reads it; empty when there is nothing to say."""
        return element(self.name, self.found, shown, remark=self.remark)

    def metadata(self, shown: Shown) -> dict[str, object]:
        """For people and programs."""
        count = len(told(self.found, shown))
        facts: dict[str, object] = {"path": self.name, "brought": count, "gone": self.gone, "pending": self.pending}
        return {**facts, "remark": self.remark} if self.remark else facts


class _Content(Struct, frozen=True, kw_only=True):
    """A file on disk: its text, None when there is none; or why it is not read."""

    path: str
    name: str
    text: str | None = None
    unread: str = ""


class _Owed(Struct, kw_only=True):
    """A file whose change is still to be told: its text before, what was found in that, None while that is not known."""

    path: str
    name: str
    known: Known
    before: str
    baseline: tuple[Finding, ...] | None
    compared: bool = True


class EditChecks:
    """The checks of one turn, one edit at a time. `say` tells people something; `late` gets the reports of a check that was
    not done in time, unless another edit came or the turn ended."""

    def __init__(
        self,
        servers: LanguageServers,
        files: Files,
        group: asyncio.TaskGroup,
        say: Callable[[str], None],
        late: Callable[[list[FileReport]], None],
    ) -> None:
        self._servers = servers
        self._files = files
        self._group = group
        self._say = say
        self._late = late
        self._owed: dict[str, _Owed] = {}
        self._fresh: list[str] = []
        self._unread: list[FileReport] = []
        self._told: dict[str, tuple[str, tuple[Finding, ...]]] = {}
        self._task: asyncio.Task[list[FileReport]] | None = None
        self._edited = asyncio.Event()
        self._slow = False
        self._complained: set[str] = set()

    async def begin(self, paths: Iterable[str]) -> None:
        """These files are about to be edited."""
        self.abandon()
        wanted = list(dict.fromkeys(path for path in paths if self._servers.known(path) is not None))
        self._fresh.clear()
        self._unread.clear()
        if not wanted:
            return
        for content in await blocking(lambda stop: [_content(self._files, path) for path in wanted if not stop]):
            if content is not None:
                self._owe(content)
        self._start()

    async def finish(self, *, edited: bool) -> list[FileReport]:
        """The edit was made, or was not: what it brought, as far as that is known within the time that an edit may wait."""
        if not edited:
            self._forget_fresh()
            return []
        task = self._task
        if task is None:
            return list(self._unread)
        self._edited.set()
        wait = self._servers.settings.wait_ms / 1000
        await asyncio.wait([task], timeout=wait / 5 if self._slow else wait)
        self._slow = not task.done()
        if task.done():
            self._task = None
            return [*self._unread, *task.result()]
        task.add_done_callback(self._came_late)
        pending = "pending: the language server is not done; what it finds follows"
        return [
            *self._unread,
            *(FileReport(name=one.name, remark=pending, pending=True) for one in self._owed.values()),
        ]

    def abandon(self) -> None:
        """Stop the check under way; what it owes stays owed."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _start(self) -> None:
        if self._owed:
            self._edited = asyncio.Event()
            self._task = self._group.create_task(self._check(list(self._owed.values()), self._edited))

    def _owe(self, content: _Content) -> None:
        known = self._servers.known(content.path)
        if content.path in self._owed or known is None:
            return
        if content.unread:
            self._unread.append(FileReport(name=content.name, remark=content.unread))
            return
        before = content.text or ""
        text, found = self._told.get(content.path, (None, None))
        baseline = found if text == before else () if content.text is None else None
        self._owed[content.path] = _Owed(
            path=content.path, name=content.name, known=known, before=before, baseline=baseline
        )
        self._fresh.append(content.path)

    def _forget_fresh(self) -> None:
        self.abandon()
        for path in self._fresh:
            self._owed.pop(path, None)
        self._start()
        if self._task is not None:
            self._edited.set()
            self._task.add_done_callback(self._came_late)

    def _came_late(self, task: asyncio.Task[list[FileReport]]) -> None:
        if task is not self._task:
            return
        self._task = None
        if not task.cancelled() and task.exception() is None:
            self._late(task.result())

    async def _check(self, owed: Sequence[_Owed], edited: asyncio.Event) -> list[FileReport]:
        try:
            return await self._check_all(owed, edited)
        except Exception as error:  # noqa: BLE001 - boundary: an edit that cannot be checked is still an edit
            self._say(f"The edit could not be checked: {type(error).__name__}: {error}")
            return []

    async def _check_all(self, owed: Sequence[_Owed], edited: asyncio.Event) -> list[FileReport]:
        groups: dict[str, list[_Owed]] = {}
        for one in owed:
            groups.setdefault(one.known.language, []).append(one)
        async with asyncio.TaskGroup() as group:
            checks = [group.create_task(self._check_with_one(some, edited)) for some in groups.values()]
        return [report for check in checks for report in check.result()]

    async def _check_with_one(self, owed: Sequence[_Owed], edited: asyncio.Event) -> list[FileReport]:
        """The files of one language. A server that dies is started again once; then they are let be."""
        reports: list[FileReport] = []
        problem = ""
        for _ in range(TRIES):
            await self._servers.prepare(self._files.root, owed[0].known)
            server = self._servers.server(self._files.root, owed[0].known)
            if isinstance(server, Absent):
                if server.first:
                    self._say(server.why)
                break
            try:
                async with asyncio.timeout(LATE_SECONDS):
                    reports = await self._ask(server, owed, edited)
                break
            except TimeoutError:
                problem = f"it gave no answer in {LATE_SECONDS:.0f} s"
                server.end(problem)
            except PeerLost as error:
                server.end(str(error))
                await server.ended()
                problem = server.problem or str(error)
            except Refused as error:
                self._complain(owed[0].known.language, f"it refused: {error}")
                break
        else:
            self._complain(owed[0].known.language, problem)
        for one in owed:
            self._owed.pop(one.path, None)
        return reports

    def _complain(self, language: str, problem: str) -> None:
        """Once per language and turn."""
        if language not in self._complained:
            self._complained.add(language)
            self._say(f"The language server for {language} was of no use: {problem}. The edit was not checked.")

    async def _ask(self, server: LanguageServer, owed: Sequence[_Owed], edited: asyncio.Event) -> list[FileReport]:
        await server.ready()
        asked = [one for one in owed if one.baseline is None]
        for one in asked:
            server.give(one.path, language_id(one.known, one.path), one.before)
        for one in asked:
            one.baseline, one.compared = await self._baseline(server, one)
        await edited.wait()
        afters = await self._synced(server, owed)
        reports = [await self._report(server, one, afters[one.path]) for one in owed]
        server.proved = True
        return reports

    async def _baseline(self, server: LanguageServer, one: _Owed) -> tuple[tuple[Finding, ...], bool]:
        """What was there before; a server that says nothing about it within the usual time may never do."""
        try:
            wait = max(self._servers.settings.wait_ms / 1000, BASELINE_SECONDS)
            async with asyncio.timeout(None if server.certain else wait):
                return await server.findings(one.path), True
        except TimeoutError:
            return (), False

    async def _synced(self, server: LanguageServer, owed: Sequence[_Owed]) -> dict[str, str | None]:
        """The texts now, after the server has got them, with those of whatever else it has open."""
        paths = {one.path: one.known for one in owed}
        others = [document.path for document in server.open_documents if document.path not in paths]
        contents = await blocking(lambda stop: [_content(self._files, path) for path in (*paths, *others) if not stop])
        texts = {content.path: content.text for content in contents if content is not None}
        for path in others:
            known = self._servers.known(path)
            self._give(server, path, known, texts.get(path))
        for path, known in paths.items():
            self._give(server, path, known, texts.get(path))
        created = [one.path for one in owed if not one.before and texts.get(one.path) is not None]
        deleted = [one.path for one in owed if texts.get(one.path) is None]
        changed = [path for path in paths if path not in created and path not in deleted]
        server.touched(created, changed, deleted)
        for path in paths:
            server.saved(path)
        return {path: texts.get(path) for path in paths}

    def _give(self, server: LanguageServer, path: str, known: Known | None, text: str | None) -> None:
        if text is None or known is None:
            server.close(path)
        else:
            server.give(path, language_id(known, path), text)

    async def _report(self, server: LanguageServer, one: _Owed, after: str | None) -> FileReport:
        before = one.baseline or ()
        if after is None:
            self._told.pop(one.path, None)
            return FileReport(name=one.name, gone=len(before))
        found = await server.findings(one.path)
        self._told.pop(one.path, None)
        self._told[one.path] = (after, found)
        while len(self._told) > MAX_REMEMBERED:
            del self._told[next(iter(self._told))]
        if not one.compared:
            remark = "what was there before the edit is not known" if found else ""
            return FileReport(name=one.name, found=found, remark=remark)
        return FileReport(
            name=one.name,
            found=brought(before, one.before, found, after),
            gone=gone(before, one.before, found, after),
        )


async def current(servers: LanguageServers, files: Files, path: str) -> tuple[Finding, ...] | str:
    """What is found in a file as it is now, or why that cannot be said within the time that an edit may wait."""
    known = servers.known(path)
    if known is None:
        return "No language server is known for files of this kind."
    await servers.prepare(files.root, known)
    server = servers.server(files.root, known)
    if isinstance(server, Absent):
        return server.why
    content = await blocking(lambda _: _content(files, path))
    if content is None or content.text is None:
        return (content.unread if content is not None else "") or "There is no such text file in the workspace."
    try:
        async with asyncio.timeout(servers.settings.wait_ms / 1000):
            await server.ready()
            server.give(content.path, language_id(known, path), content.text)
            found = await server.findings(content.path)
    except TimeoutError:
        return f"The language server for {known.language} is not done yet; ask again later."
    except (PeerLost, Refused) as error:
        return f"The language server for {known.language} was of no use: {server.problem or error}."
    server.proved = True
    return found


def _content(files: Files, path: str) -> _Content | None:
    """The file as it is on disk; None for a place that is not ours to look at."""
    try:
        real = files.resolve(path)
        name = os.path.relpath(real, files.root) if real.startswith(files.root + os.sep) else real
        if files.stamp(path) is None:
            return _Content(path=real, name=name)
        read = files.read_up_to(path, MAX_BYTES)
        if read is None:
            return _Content(path=real, name=name, unread=f"not checked: larger than {MAX_BYTES:,} bytes")
        return _Content(path=real, name=name, text=decode(read.content, name).text)
    except ToolError:
        return None
