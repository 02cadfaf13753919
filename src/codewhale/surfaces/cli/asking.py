"""Approvals and questions of a running turn, put to the person at the terminal; answered at once where nobody is.

One is asked at a time, in the order in which they were opened. An answer from elsewhere takes the prompt away again.
"""

import asyncio
import os
import sys

from codewhale.domain import events as e
from codewhale.domain.errors import NotFound
from codewhale.domain.requests import Answer, Question
from codewhale.runtime.client import Client
from codewhale.surfaces.cli.preview import preview
from codewhale.surfaces.cli.terminal import Piece, Terminal

NOBODY = "Nobody is there to answer. Decide yourself, go on, and say what you assumed."
_WORDS = frozenset({"y", "yes", "a", "always", "n", "no", ""})  # anything else is asked again
Waiting = e.ApprovalRequired | e.UserInputRequired


class Desk:
    """Answers what waits. `deny` and `allow` say why nobody is asked and what is answered then; a person is when both
    are None."""

    def __init__(
        self, client: Client, thread_id: str, terminal: Terminal, *, deny: str | None, allow: str | None = None
    ) -> None:
        self._client = client
        self._thread_id = thread_id
        self._terminal = terminal
        self._deny = deny
        self._allow = allow
        self._waiting: dict[str, Waiting] = {}
        self._changed = asyncio.Event()
        self._asking: tuple[str, asyncio.Task[None]] | None = None

    def update(self, waiting: dict[str, Waiting]) -> None:
        """What waits now; a prompt for something that was answered elsewhere is taken away."""
        self._waiting = dict(waiting)
        if self._asking is not None and self._asking[0] not in waiting:
            self._asking[1].cancel()
        self._changed.set()

    async def run(self) -> None:
        """Answer until cancelled."""
        answered: set[str] = set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            while (request := next((r for r in self._waiting.values() if r.id not in answered), None)) is not None:
                answered.add(request.id)
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(self._answer(request))
                    self._asking = (request.id, task)
                self._asking = None

    async def _answer(self, request: Waiting) -> None:
        try:
            if isinstance(request, e.ApprovalRequired):
                await self._approval(request)
            else:
                answers = [await self._question(question) for question in request.request.questions]
                await self._client.answer(self._thread_id, request.id, answers)
        except NotFound:
            self._terminal.show([Piece("note", "  (answered elsewhere)")])

    async def _approval(self, request: e.ApprovalRequired) -> None:
        description = request.description if request.description != request.tool_name else ""
        line = f"? {description}  [{request.tool_name}]" if description else f"? {request.tool_name}"
        if self._deny is not None:
            self._terminal.show([Piece("problem", f"{line}\n  denied: {self._deny}")])
            await self._client.decide(request.id, "deny", reason=f"nobody was asked ({self._deny})")
            return
        shown = preview(request.input, said=description)
        self._terminal.show([Piece("note", line), *([Piece("note", shown)] if shown else [])])
        if self._allow is not None:
            self._terminal.show([Piece("note", f"  allowed: {self._allow}")])
            await self._client.decide(request.id, "allow")
            return
        word = "?"
        while word not in _WORDS:
            word = await self._ask("  allow? [y]es, [a]lways in this thread, [N]o: ")
        allowed = word in ("y", "yes", "a", "always")
        await self._client.decide(request.id, "allow" if allowed else "deny", remember=word in ("a", "always"))

    async def _question(self, question: Question) -> Answer:
        if not self._terminal.asks:
            return Answer(id=question.id, label="", value=NOBODY)
        choices = [f"  {n}. {o.label}  {o.description}".rstrip() for n, o in enumerate(question.options, 1)]
        self._terminal.show([Piece("note", "\n".join([f"? {question.question}", *choices]))])
        hint = "number" + (" or your own words" if question.allow_free_text or not question.options else "")
        while True:
            typed = await self._ask(f"  {hint}: ", keep_case=True)
            if typed.isdecimal() and 1 <= int(typed) <= len(question.options):
                label = question.options[int(typed) - 1].label
                return Answer(id=question.id, label=label, value=label)
            if typed and (question.allow_free_text or not question.options):
                return Answer(id=question.id, label="", value=typed)

    async def _ask(self, text: str, *, keep_case: bool = False) -> str:
        """A typed line without its end; the end of input counts as an empty one."""
        self._terminal.end_answer()
        sys.stderr.write(text)
        sys.stderr.flush()
        line = (await read_line(sys.stdin.fileno())).strip()
        return line if keep_case else line.lower()


async def read_line(fd: int) -> str:
    """A line from a terminal without blocking the loop. Dropping the wait leaves the typed text to the next reader."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
        return os.read(fd, 4096).decode("utf-8", "replace")
    finally:
        loop.remove_reader(fd)
