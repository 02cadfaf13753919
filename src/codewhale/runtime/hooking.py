"""Hooks around the turns of a runtime: when each point is reached, and what the hook is told.

A session is a thread as long as one runtime has worked on it. A mode counts as changed when a turn begins in another than
the one before. What goes wrong in a hook is a note in its thread.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from codewhale.config.hooks import MAX_PROJECT_FILE, project_hooks
from codewhale.domain.errors import ConfigError, InvalidInput
from codewhale.domain.usage import UsageQuery
from codewhale.hooks.occasion import Occasion, categories
from codewhale.hooks.programs import Hooks, Surroundings
from codewhale.hooks.verdicts import folded
from codewhale.runtime.hook_points import PROJECT_FILE

if TYPE_CHECKING:
    import asyncio

    from codewhale.domain.hooks import Hook, HookEvent, HookSettings
    from codewhale.domain.records import Status, Thread, Turn
    from codewhale.domain.tools import Advice, ToolOutput
    from codewhale.policy.decide import PlannedCall
    from codewhale.runtime.hook_points import Trusted
    from codewhale.runtime.outside import Seat
    from codewhale.store.port import Store
    from codewhale.workspace.processes import Processes

KEPT_NOTES = 20


class Hooking:
    """The hooks of a runtime. `trusted(workspace, path, content)` says whether a project's file may make programs run."""

    def __init__(
        self, settings: HookSettings, store: Store, processes: Processes, group: asyncio.TaskGroup, trusted: Trusted
    ) -> None:
        self._settings = settings
        self._store = store
        self._trusted = trusted
        self._sessions: dict[str, Occasion] = {}
        self._watches: dict[str, HookWatch] = {}
        self._notes: dict[str, list[str]] = {}
        self.hooks = Hooks(
            self.of,
            Surroundings(processes=processes, group=group, report=self._report, working_dir=settings.working_dir),
        )

    def of(self, workspace: str) -> tuple[Hook, ...]:
        """The hooks for a workspace: the person's, then the project's as far as they are trusted as they are now."""
        if not self._settings.enabled:
            return ()
        return (*self._settings.hooks, *self._project(workspace))

    async def message(self, thread: Thread, mode: str, text: str) -> str:
        """What becomes of a message to the thread. `InvalidInput` when a hook blocks it."""
        if not self.of(thread.workspace):
            return text
        occasion = _occasion("message_submit", thread, mode)
        before = self._sessions.get(thread.id)
        self._sessions[thread.id] = occasion
        if before is None:
            await self.hooks.observe(replace(occasion, event="session_start"))
        elif before.mode != mode:
            await self.hooks.observe(replace(occasion, event="mode_change", previous_mode=before.mode))
        seen = await self.hooks.submit(replace(occasion, message=text))
        if seen.blocked is not None:
            raise InvalidInput(
                f"a hook blocked this message: {seen.blocked}", hint="change the message, or the hook", code="blocked"
            )
        return seen.text

    def watch(self, seat: Seat) -> HookWatch | None:
        """The watch of a turn; none where no hook is."""
        return HookWatch(self, seat) if self.of(seat.thread.workspace) else None

    async def close(self) -> None:
        """The end of every session. Call it when no turn runs any more."""
        for thread_id, occasion in self._sessions.items():
            ended = replace(occasion, event="session_end", session_cost=self.cost(thread_id))
            await self.hooks.settle(ended)

    def cost(self, thread_id: str) -> float | None:
        """What the thread's model calls cost so far, in US dollars; None when not all of it is known."""
        buckets = self._store.usage(UsageQuery(group_by="thread")).buckets
        return next((one.cost_usd for one in buckets if one.key == thread_id and one.cost_complete), None)

    def opened(self, watch: HookWatch, thread_id: str) -> list[str]:
        """A turn begins; what went wrong before it and was not said yet."""
        self._watches[thread_id] = watch
        return self._notes.pop(thread_id, [])

    def closed(self, thread_id: str) -> None:
        """Nothing can be noted in the turn any more."""
        self._watches.pop(thread_id, None)

    def _report(self, hook: Hook, occasion: Occasion, problem: str) -> None:
        line = f"Hook {hook.name} ({hook.event}, {os.path.basename(hook.source)}): {problem}."
        watch = self._watches.get(occasion.session_id)
        if watch is not None:
            watch.note(line)
        elif len(waiting := self._notes.setdefault(occasion.session_id, [])) < KEPT_NOTES:
            waiting.append(line)

    def _project(self, workspace: str) -> tuple[Hook, ...]:
        path = os.path.join(workspace, PROJECT_FILE)
        try:
            with open(path, "rb") as file:
                content = file.read(MAX_PROJECT_FILE + 1)
        except OSError:
            return ()
        if len(content) > MAX_PROJECT_FILE or not self._trusted(workspace, PROJECT_FILE, content):
            return ()
        try:
            return project_hooks(content, path)
        except ConfigError:  # doctor and `codewhale trust` say what is wrong with it
            return ()


class HookWatch:
    """The hooks around one turn."""

    def __init__(self, hooking: Hooking, seat: Seat) -> None:
        self._hooking = hooking
        self._hooks = hooking.hooks
        self._seat = seat

    def note(self, line: str) -> None:
        """Say something in the turn."""
        self._seat.recorder.note(line)

    def turn_started(self, turn: Turn) -> None:
        """Say what went wrong before."""
        del turn
        for line in self._hooking.opened(self, self._seat.thread.id):
            self.note(line)

    async def call_planned(self, call: PlannedCall) -> Advice | None:
        """What the hooks say about the call, and the variables that they give its programs."""
        occasion = self._call("tool_call_before", call)
        advice = folded(await self._hooks.judge(occasion))
        if "execute" not in call.effects or not self._hooks.has("shell_env", self._seat.thread.workspace):
            return advice
        given = await self._hooks.environment(replace(occasion, event="shell_env"))
        return _with_environ(advice, given)

    async def call_cleared(self, call: PlannedCall) -> None:
        """Nothing waits for a hook here."""

    async def call_ended(self, call: PlannedCall, output: ToolOutput) -> ToolOutput:
        """Tell the hooks what came of the call."""
        code = (output.metadata or {}).get("exit_code")
        occasion = replace(
            self._call("tool_call_after", call),
            tool_result=output.text,
            tool_success=not output.is_error,
            exit_code=code if isinstance(code, int) else None,
        )
        await self._hooks.observe(occasion)
        return output

    async def turn_ended(self, turn: Turn, status: Status) -> None:
        """Tell the hooks how it ended."""
        usage = turn.usage
        occasion = replace(
            self._occasion("turn_end"),
            error=turn.error,
            total_tokens=usage.input_tokens + usage.output_tokens if usage is not None else None,
        )
        for event in ("on_error", "turn_end") if status == "failed" else ("turn_end",):
            if self._hooks.has(event, occasion.workspace):
                cost = self._hooking.cost(occasion.session_id)
                await self._hooks.observe(replace(occasion, event=event, session_cost=cost))
        self._hooking.closed(self._seat.thread.id)

    def _call(self, event: HookEvent, call: PlannedCall) -> Occasion:
        return replace(
            self._occasion(event),
            tool_name=call.tool,
            tool_categories=categories(call.effects),
            tool_args=call.arguments,
        )

    def _occasion(self, event: HookEvent) -> Occasion:
        occasion = _occasion(event, self._seat.thread, self._seat.posture().mode)
        return replace(occasion, turn_id=self._seat.recorder.turn.id)


def _occasion(event: HookEvent, thread: Thread, mode: str) -> Occasion:
    return Occasion(event=event, session_id=thread.id, workspace=thread.workspace, mode=mode, model=thread.model)


def _with_environ(advice: Advice | None, given: dict[str, str]) -> Advice | None:
    if not given:
        return advice
    from codewhale.domain.tools import Advice  # noqa: PLC0415 - only where hooks are

    pairs = tuple(sorted(given.items()))
    return Advice(source="shell_env hooks", environ=pairs) if advice is None else replace(advice, environ=pairs)
