"""A whole data directory into the log. Each thread, session and task is one append: there afterwards, or not at all, so that an
import that was cut off is simply run again."""

import os
from collections.abc import Callable, Sequence

from msgspec import Struct

from codewhale.domain.events import NewEvent
from codewhale.domain.ports import Clock, Ids
from codewhale.runtime.importing.automations import automation_event
from codewhale.runtime.importing.reading import Unreadable, expect, names
from codewhale.runtime.importing.report import Report
from codewhale.runtime.importing.session_files import session_story
from codewhale.runtime.importing.story import Story, renamed, told
from codewhale.runtime.importing.tasks import task_events
from codewhale.runtime.importing.threads import JSON, RuntimeFolder
from codewhale.store.failures import Refused
from codewhale.store.port import Store

_RUNTIMES = (os.path.join("tasks", "runtime"), "runtime", "")
_TASKS = (os.path.join("tasks", "tasks"), "tasks")


class Missing(Struct, frozen=True, kw_only=True):
    """What old records do not say."""

    model: str
    timezone: str


class Importer:
    """Takes one directory. `defaults` is what records without a model or a time zone get; a dry run reads everything and
    records nothing."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, *, defaults: Missing, dry_run: bool) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._model = defaults.model
        self._timezone = defaults.timezone
        self._seen: set[str] = set()
        self.report = Report(dry_run=dry_run)

    async def run(self, directory: str) -> Report:
        """Take all that is there. Raises `StoreError` when the log fails, and nothing for what cannot be read."""
        folder = _runtime_folder(directory)
        if folder is not None:
            await self._threads(folder)
        await self._sessions(os.path.join(directory, "sessions"))
        for part in _TASKS:
            if await self._tasks(directory, part):
                break
        await self._automations(os.path.join(directory, "automations", "automations"))
        self._rest(directory)
        return self.report

    async def _threads(self, folder: str) -> None:
        read = RuntimeFolder(folder, self.report)
        for thread_id in self._names(read.thread_ids, "threads"):
            if self._known(thread_id):
                self.report.knew("threads")
                read.skip(thread_id)
                continue
            try:
                story = read.story(thread_id)
            except Unreadable as error:
                self.report.problem(f"threads/{thread_id}{JSON}", str(error))
                continue
            await self._take(story, "threads")
        for where, why in read.orphans():
            self.report.problem(where, why)

    async def _sessions(self, folder: str) -> None:
        for name in self._names(lambda: names(folder, JSON), "sessions"):
            where = os.path.join(folder, name)
            if self._known(name.removesuffix(JSON)):
                self.report.knew("sessions")
                continue
            try:
                story = session_story(where, self._ids, self._model, self.report)
                expect(story.thread.id, name.removesuffix(JSON), "session")
            except Unreadable as error:
                self.report.problem(f"sessions/{name}", str(error))
                continue
            await self._take(story, "sessions")

    async def _tasks(self, directory: str, part: str) -> int:
        found = self._names(lambda: names(os.path.join(directory, part), JSON), part)
        found = [name for name in found if name != "queue.json"]
        for name in found:
            if self._store.tasks.get(name.removesuffix(JSON)) is not None:
                self.report.knew("tasks")
                continue
            try:
                task, events = task_events(os.path.join(directory, part, name), model=self._model, workspace=directory)
            except Unreadable as error:
                self.report.problem(f"{part}/{name}", str(error))
                continue
            if task.error is not None and task.status != "completed":
                self.report.note(f"{part}/{name}", f"{task.status}: {task.error}")
            await self._append(events)
            self.report.took("tasks")
        return len(found)

    async def _automations(self, folder: str) -> None:
        known = {automation.id for automation in self._store.automations.all()}
        for name in self._names(lambda: names(folder, JSON), "automations"):
            where = f"automations/{name}"
            try:
                automation, event, notes = automation_event(os.path.join(folder, name), timezone=self._timezone)
            except Unreadable as error:
                self.report.problem(where, str(error))
                continue
            if automation.id in known or self._store.read(automation.id, after=0, limit=1):
                self.report.knew("automations")
                continue
            await self._append([event])
            self.report.took("automations")
            for note in notes:
                self.report.note(where, note)

    def _rest(self, directory: str) -> None:
        """What is there and stays there."""
        for name in ("latest.json", "offline_queue.json"):
            if os.path.exists(os.path.join(directory, "sessions", "checkpoints", name)):
                self.report.leave(f"sessions/checkpoints/{name}", "unfinished state of a terminal, not a conversation")
        for part in (os.path.join("tasks", "artifacts"), os.path.join("automations", "runs")):
            if os.path.isdir(os.path.join(directory, part)):
                self.report.leave(f"{part}/", "stays where it is")

    def _known(self, thread_id: str) -> bool:
        return thread_id in self._seen or self._store.thread(thread_id) is not None

    async def _take(self, story: Story, kind: str) -> None:
        try:
            await self._append(told(story, now=self._clock.now()))
        except Refused:
            try:
                await self._append(told(renamed(story, self._ids), now=self._clock.now()))
            except Refused as error:
                self.report.problem(f"{kind}/{story.thread.id}", error.message)
                return
            self.report.note(f"{kind}/{story.thread.id}", "its turns and items got new ids: another thread has theirs")
        self._seen.add(story.thread.id)
        self.report.took(kind)
        self.report.took("turns", len(story.turns))
        self.report.took("items", story.items)

    async def _append(self, events: Sequence[NewEvent]) -> None:
        if not self.report.dry_run:
            await self._store.append(events)

    def _names(self, listed: Callable[[], list[str]], where: str) -> list[str]:
        try:
            return listed()
        except Unreadable as error:
            self.report.problem(where, str(error))
            return []


def _runtime_folder(directory: str) -> str | None:
    folders = (os.path.join(directory, part) for part in _RUNTIMES)
    return next((folder for folder in folders if os.path.isdir(os.path.join(folder, "threads"))), None)
