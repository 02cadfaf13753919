"""The scripted model as an in-process `Provider`: the same scripts, no socket. For golden tests and for users' own.

Faults become the `ProviderError` that an adapter would make of them; what an adapter hides (slow bytes, framing) is not
seen. It never waits for time: a stall is the timeout that it would end in.
"""

import asyncio
import os
from collections.abc import AsyncIterator

from codewhale.domain.errors import InvalidInput, ProviderCategory, ProviderError
from codewhale.domain.messages import (
    CallReady,
    Finished,
    FinishReason,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    UsageReported,
)
from codewhale.domain.records import ToolCall
from codewhale.llm.scripted.asked import Asked, read_request
from codewhale.llm.scripted.choose import choose
from codewhale.llm.scripted.faults import REFUSALS, Fault, Point, fault_of
from codewhale.llm.scripted.gates import Attempts, Gates
from codewhale.llm.scripted.plan import CallOpened, CallPart, Plan, Spoken, plan
from codewhale.llm.scripted.script import Script, load_script, parse_script
from codewhale.llm.scripted.strict import complaint

FAIR = 64
"""Deltas between two chances for other tasks to run."""

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "length": "length",
    "content_filter": "content_filter",
}
_STATUS: dict[int, ProviderCategory] = {
    401: "authentication",
    402: "quota",
    403: "authorization",
    404: "model_not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


class ScriptedProvider:
    """Answers from a script. `requests` holds what was asked, oldest first."""

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[ModelRequest] = []
        self._attempts = Attempts()
        self._gates = Gates(script.hold_names)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ScriptedProvider":
        """With the script in a file. `ConfigError` as `load_script`."""
        return cls(load_script(path))

    @classmethod
    def from_toml(cls, text: str) -> "ScriptedProvider":
        """With the script in a text."""
        return cls(parse_script(text))

    async def held(self, name: str) -> None:
        """Wait until an answer stands at the hold `name`. Bound it: `async with asyncio.timeout(5)`."""
        await self._gates.reached(name)

    def release(self, name: str) -> None:
        """Let the answers at the hold `name` go on; it stays open."""
        self._gates.release(name)

    async def close(self) -> None:
        """Nothing is open."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """The scripted answer. A conversation that a strict server would refuse is a `ProviderError` here too."""
        self.requests.append(request)
        asked = read_request(request)
        wrong = complaint(asked, arguments=False) if self.script.strict else None
        if wrong is not None:
            raise ProviderError(f"The request is not well-formed: {wrong}", category="invalid_request", status=400)
        planned = self._planned(asked)
        fault = fault_of(planned.reply.faults, self._attempts.next(asked.key))
        await self._at("before_headers", planned, fault)
        if fault is not None:
            _refuse(fault)
        async for event in self._played(planned, fault):
            yield event

    def _planned(self, asked: Asked) -> Plan:
        try:
            return plan(self.script, choose(self.script, asked), asked)
        except InvalidInput as error:
            raise ProviderError(error.message, category="invalid_request", status=400, hint=error.hint) from error

    async def _played(self, planned: Plan, fault: Fault | None) -> AsyncIterator[ModelEvent]:
        calls = _Calls()
        said = 0
        for piece in planned.pieces:
            if isinstance(piece, Spoken):
                event = ReasoningDelta(piece.text) if piece.reasoning else TextDelta(piece.text)
                for _ in range(piece.count if piece.text else 0):
                    said += 1
                    if said % FAIR == 0:
                        await asyncio.sleep(0)  # noqa: TID251 - lets others run, waits for nothing
                    yield event
            elif isinstance(piece, (CallOpened, CallPart)):
                calls.add(piece)
            else:
                await self._at(piece, planned, fault)
        for call in calls.ready():
            yield call
        await self._at("before_done", planned, fault)
        if planned.usage is not None:
            yield UsageReported(planned.usage)
        yield Finished(_FINISH.get(planned.finish, "unknown"))

    async def _at(self, point: Point, planned: Plan, fault: Fault | None) -> None:
        for hold in planned.reply.holds:
            if hold.at == point:
                await self._gates.passed(hold.name)
        if fault is None:
            return
        if fault.stall == point and fault.seconds is None:
            raise ProviderError(f"Nothing more came ({point}).", category="timeout")
        if point in (fault.cut, fault.reset, fault.half_close):
            raise ProviderError(f"The connection was lost ({point}).", category="network")
        if fault.garbage in ("bad_utf8", "not_json", "huge_line", "nul") and fault.at == point:
            raise ProviderError(f"The answer cannot be understood ({fault.garbage}).", category="protocol", status=200)
        if fault.garbage == "error_frame" and fault.at == point:
            raise ProviderError("The server reported an error in the stream.", category="server", status=200)


class _Calls:
    """Puts the calls of one answer together; they are ready when the answer ends, as over a wire."""

    def __init__(self) -> None:
        self._opened: list[tuple[CallOpened, list[str]]] = []

    def add(self, piece: CallOpened | CallPart) -> None:
        if isinstance(piece, CallOpened):
            self._opened.append((piece, []))
        else:
            self._opened[piece.index][1].append(piece.text)

    def ready(self) -> list[CallReady]:
        return [
            CallReady(ToolCall(id=opened.id, name=opened.name, arguments="".join(parts)))
            for opened, parts in self._opened
        ]


def _refuse(fault: Fault) -> None:
    """Raise what a refusal becomes; return when the fault is none."""
    if fault.garbage in ("html", "json_error") or fault.redirect is not None:
        raise ProviderError("The answer is not a model's answer.", category="protocol", status=fault.status or 200)
    if not fault.refuses:
        return
    seconds = fault.retry_after_date if isinstance(fault.retry_after, str) else fault.retry_after
    retry_after = None if seconds is None else max(0.0, float(seconds))
    if fault.error is not None:
        status, _, message = REFUSALS[fault.error]
        raise ProviderError(message, category=fault.error, status=fault.status or status, retry_after=retry_after)
    status = fault.status or 500
    category = _STATUS.get(status) or ("server" if status >= 500 else "invalid_request")
    raise ProviderError(fault.body or f"HTTP {status}", category=category, status=status, retry_after=retry_after)
