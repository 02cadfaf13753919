"""Approvals and questions of a running turn, put to the person at the terminal; answered at once where nobody is.

One is asked at a time, in the order in which they were opened. An answer from elsewhere takes the prompt away again.
"""

import asyncio
import os
import sys

from codewhale.domain import events as e
from codewhale.domain.decisions import NOBODY_ASKED
from codewhale.domain.errors import CodewhaleError, NotFound
from codewhale.domain.requests import Answer, Question
from codewhale.runtime.client import Client
from codewhale.surfaces.cli.policy_text import confined_line, shown, shown_lines, simulation_lines
from codewhale.surfaces.cli.preview import preview
from codewhale.surfaces.cli.terminal import Piece, Terminal

NOBODY = "Nobody is there to answer. Decide yourself, go on, and say what you assumed."
_ORDINARY = frozenset({"tool_default", "sandbox_none", "sandbox_reduced"})  # what --auto answers
_WORDS = frozenset({"y", "yes", "a", "always", "n", "no", ""})  # anything else is asked again
WITH_AUTO = "; allow with --auto"
_A_PERSON = ", and --auto does not speak for this"
UNCONFINED_RULES = {"sandbox_none": "it runs without a sandbox", "sandbox_reduced": "the sandbox is the reduced one"}
"""The rules that ask only because no sandbox, or a weaker one, holds here; and what that means."""
Waiting = e.ApprovalRequired | e.UserInputRequired


class Desk:
    """Answers what waits. `deny` and `allow` say why nobody is asked and what is answered then; a person is when both
    are None. `allow_bare`: what is asked only because no sandbox holds here is allowed, for this reason."""

    def __init__(
        self,
        client: Client,
        thread_id: str,
        terminal: Terminal,
        *,
        deny: str | None,
        allow: str | None = None,
        allow_bare: str | None = None,
    ) -> None:
        self._client = client
        self._thread_id = thread_id
        self._terminal = terminal
        self._deny = deny
        self._allow = allow
        self._allow_bare = allow_bare
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
        line = f"? {shown(description)}  [{request.tool_name}]" if description else f"? {request.tool_name}"
        reasons = [Piece("note", text) for text in why(request)]
        if self._allow_bare is not None and request.matched_rule in UNCONFINED_RULES:
            allowed = f"  allowed: {self._allow_bare}; {UNCONFINED_RULES[request.matched_rule or '']}"
            self._terminal.show([Piece("problem", line), *reasons, Piece("problem", allowed)])
            await self._client.decide(request.id, "allow")
            return
        if self._deny is not None:
            denied = self._deny if request.matched_rule in _ORDINARY else self._deny.replace(WITH_AUTO, _A_PERSON)
            self._terminal.show([Piece("problem", line), *reasons, Piece("problem", f"  denied: {denied}")])
            await self._client.decide(request.id, "deny", reason=f"{NOBODY_ASKED} ({denied})")
            return
        seen = preview(request.input, said=description)
        self._terminal.show([Piece("note", line), *([Piece("note", shown_lines(seen))] if seen else []), *reasons])
        if self._allow is not None:
            self._terminal.show([Piece("note", f"  allowed: {self._allow}")])
            await self._client.decide(request.id, "allow")
            return
        await self._decide(request)

    async def _decide(self, request: e.ApprovalRequired) -> None:
        word = "?"
        while word not in _WORDS:
            word = await self._ask("  allow? [y]es, [a]lways in this thread, [r]ule, [N]o: ")
            if word in ("r", "rule"):
                word = await self._rule(request)
        allowed = word in ("y", "yes", "a", "always")
        await self._client.decide(request.id, "allow" if allowed else "deny", remember=word in ("a", "always"))

    async def _rule(self, request: e.ApprovalRequired) -> str:
        """Offer rules for such calls, each with what it would have done so far; the answer to this call that follows."""
        found = await self._client.policy.suggestions(self._thread_id, request.approval_id)
        if not found:
            self._terminal.show([Piece("note", "  No rule fits this call alone; answer it as it is.")])
            return "?"
        lines = [
            f"  {n}. {text}" if not at else f"     {text}"
            for n, one in enumerate(found, 1)
            for at, text in enumerate(simulation_lines(one))
        ]
        self._terminal.show([Piece("note", "\n".join(lines))])
        typed = await self._ask("  save which rule and allow? number, or Enter for none: ")
        if not (typed.isdecimal() and 1 <= int(typed) <= len(found)):
            return "?"
        try:
            await self._client.policy.add_rule(found[int(typed) - 1].rule)
        except CodewhaleError as error:
            self._terminal.show([Piece("problem", f"  The rule was not saved: {shown(error.in_full())}")])
            return "?"
        self._terminal.show([Piece("note", "  Saved; `codewhale policy rules` lists your rules.")])
        return "y"

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


def why(request: e.ApprovalRequired) -> list[str]:
    """Both axes of an approval: why it is asked, and what would hold the program. Then where its files really are, each
    on a line of its own and never cut."""
    lines: list[str] = []
    if request.reason is not None:
        rule = f"  [{shown(request.matched_rule)}]" if request.matched_rule else ""
        lines.append(f"  asked     {shown(request.reason)}{rule}")
    if request.safety_reason is not None and request.safety_reason != request.reason:
        lines.append(f"  command   {shown(request.safety_reason)}")
    if request.confined_by is not None:
        lines.append("  " + confined_line(request.confined_by))
    return [*lines, *(f"  file      {shown(target)}" for target in request.targets)]


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
