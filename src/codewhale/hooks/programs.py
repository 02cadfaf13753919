"""Runs hooks. Each is a program of the person's, outside the cage that the model's commands run in, with its whole process
group killed at its time limit. A hook that breaks is reported and changes nothing (unless it is strict).
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.domain.hooks import Hook, HookEvent
from codewhale.domain.tools import Advice
from codewhale.hooks.occasion import Occasion, holds, standard_input, variables
from codewhale.hooks.verdicts import BLOCKED, Ran, Submitted, advice, exported, submitted
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import Command, Processes, ProcessResult

QUEUE = 32
WORKERS = 2
OUTPUT_BYTES = 64 * 1024
WORDS = 300

Report = Callable[[Hook, Occasion, str], None]
"""Gets one line for each hook that went wrong, and when."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What hooks run with: programs, the group that owns those in the background, where they run (None: the workspace)."""

    processes: Processes
    group: asyncio.TaskGroup
    report: Report
    working_dir: str | None = None


class Hooks:
    """The hooks of one runtime. `of` gives those that hold for a workspace, in order."""

    def __init__(self, of: Callable[[str], tuple[Hook, ...]], around: Surroundings) -> None:
        self._of = of
        self._around = around
        self._waiting: list[tuple[Hook, Occasion]] = []
        self._workers = 0

    def has(self, event: HookEvent, workspace: str) -> bool:
        """Whether any hook waits for this point; so that nobody prepares an occasion in vain."""
        return any(hook.event == event for hook in self._of(workspace))

    async def observe(self, occasion: Occasion) -> None:
        """Run the hooks of a point where nothing is decided."""
        async for _ in self._each(occasion):
            pass

    async def settle(self, occasion: Occasion) -> None:
        """The same at the very end, when nothing runs in the background any more."""
        for hook in self._concerned(occasion):
            await self._program(hook, occasion)

    async def judge(self, occasion: Occasion) -> tuple[Advice, ...]:
        """What the hooks say about a call, in their order."""
        said = [advice(ran, f"hook {hook.name}", strict=hook.strict) async for hook, ran in self._each(occasion)]
        return tuple(one for one in said if one is not None)

    async def submit(self, occasion: Occasion) -> Submitted:
        """What becomes of a message. Each hook sees what those before it made of it; the first that blocks ends it."""
        text = occasion.message or ""
        for hook in self._concerned(occasion):
            ran = await self._run(hook, replace(occasion, message=text))
            if ran is None:
                continue
            message = submitted(ran, text)
            if message.blocked is not None:
                return Submitted(text=text, blocked=f"{hook.name}: {plain(message.blocked)}")
            text = message.text
            if ran.problem is not None and not hook.continue_on_error:
                break
        return Submitted(text=text)

    async def environment(self, occasion: Occasion) -> dict[str, str]:
        """The variables that the hooks give a command; later ones win."""
        found: dict[str, str] = {}
        async for _, ran in self._each(occasion):
            found |= exported(ran)
        return found

    def _concerned(self, occasion: Occasion) -> list[Hook]:
        hooks = self._of(occasion.workspace)
        return [hook for hook in hooks if hook.event == occasion.event and holds(hook.condition, occasion)]

    async def _each(self, occasion: Occasion) -> AsyncIterator[tuple[Hook, Ran]]:
        for hook in self._concerned(occasion):
            ran = await self._run(hook, occasion)
            if ran is None:
                continue
            yield hook, ran
            if ran.problem is not None and not hook.continue_on_error:
                return

    async def _run(self, hook: Hook, occasion: Occasion) -> Ran | None:
        """Run one hook; None for one that was put into the background."""
        if not hook.background:
            return await self._program(hook, occasion)
        if len(self._waiting) >= QUEUE:
            self._around.report(hook, occasion, f"{QUEUE} hooks already wait in the background; this run was left out")
            return None
        self._waiting.append((hook, occasion))
        if self._workers < WORKERS:
            self._workers += 1
            self._around.group.create_task(self._drain())
        return None

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._program(*self._waiting.pop(0))
        finally:
            self._workers -= 1

    async def _program(self, hook: Hook, occasion: Occasion) -> Ran:
        processes = self._around.processes
        command = Command(
            argv=processes.shell(hook.command),
            cwd=self._around.working_dir or occasion.workspace,
            timeout=hook.timeout,
            stdin=standard_input(occasion),
            environ=variables(occasion),
            head_bytes=OUTPUT_BYTES,
        )
        try:
            ran = _read(await processes.run(command), hook)
        except ToolError as error:
            ran = Ran(problem=f"it could not be started: {error.message}")
        if ran.problem is not None:
            self._around.report(hook, occasion, ran.problem)
        return ran


def _read(result: ProcessResult, hook: Hook) -> Ran:
    problem = None
    if result.timed_out:
        problem = f"it was stopped after {hook.timeout:g} s, with everything it had started"
    elif result.exit_code not in (0, BLOCKED):
        ending = "a signal" if result.exit_code is None else f"exit code {result.exit_code}"
        words = plain(result.stderr.text).strip()[:WORDS]
        problem = f"it ended with {ending}{': ' + words if words else ''}"
    code = None if result.timed_out else result.exit_code
    return Ran(stdout=result.stdout.text, stderr=result.stderr.text, exit_code=code, problem=problem)
