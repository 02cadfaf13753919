"""What a provider's cache should have had of each request of a thread, what it had, and which event explains the rest. A fold
over the thread's events.

The expectation is what a request has in common, from its beginning, with the one before, in tokens as the provider counted
that one. Providers keep blocks of tokens and forget after minutes, so a small miss says nothing.
"""

from collections.abc import Iterable

from codewhale.domain import events as e
from codewhale.domain.context_report import SentRequest
from codewhale.domain.records import Item
from codewhale.domain.usage import MILLION

NAMES = frozenset(
    one.WIRE
    for one in (e.StepCompleted, e.ContextPinned, e.ItemStarted, e.ItemCompleted, e.ItemFailed, e.ItemInterrupted)
)
"""The events that matter here."""
USUAL_RATIO = 4.0
"""Characters of a token, where nothing tells better."""
SMALL = 256
"""Tokens: a miss below this is the size of the provider's blocks."""
FORGETS_AFTER = 300
"""Seconds after which a provider may have forgotten what it kept."""


class Requests:
    """The fold. `found` are the requests so far."""

    def __init__(self) -> None:
        self.found: list[SentRequest] = []
        self.ratio = USUAL_RATIO
        self._causes: list[str] = []
        self._compacting = False
        self._last: e.StepCompleted | None = None

    def see_all(self, events: Iterable[e.Event]) -> None:
        """The next events of the thread, in order."""
        for event in events:
            if event.event in NAMES:
                self._see(event, event.decode())

    def _see(self, event: e.Event, payload: e.Payload) -> None:
        match payload:
            case e.ContextPinned() if payload.reason != "initial":
                changed = f", other: {', '.join(payload.changed)}" if payload.changed else ""
                self._causes.append(f"context.pinned: {payload.reason}{changed}")
            case e.ItemStarted():
                self._compacting = payload.item.kind == "context_compaction"
            case e.ItemCompleted() | e.ItemFailed() | e.ItemInterrupted():
                self._ended(payload.item)
            case e.StepCompleted() if payload.request is not None:
                if self._compacting and payload.request.differs:
                    self._causes.append("context_compaction: the summary is asked of a shortened conversation")
                self.found.append(self._sent(event, payload))
                self._last, self._causes = payload, []
            case _:
                pass

    def _ended(self, item: Item) -> None:
        if item.kind == "context_compaction":
            self._compacting = False
            self._causes.append(
                "context_compaction" if item.status == "completed" else f"context_compaction {item.status}"
            )
        activated = (item.metadata or {}).get("activated")
        if isinstance(activated, list) and item.call is not None:
            self._causes.append(f"{item.call.name} brought in a tool")

    def _sent(self, event: e.Event, step: e.StepCompleted) -> SentRequest:
        shape = step.request
        assert shape is not None
        usage = step.usage
        if usage is not None and usage.input_tokens:
            self.ratio = min(max(shape.whole / usage.input_tokens, 1.0), 6.0)
        expected = self._expected(step)
        hit = usage.prompt_cache_hit_tokens if usage is not None else None
        missed = None if hit is None else max(expected - hit, 0)
        return SentRequest(
            seq=event.seq,
            at=event.timestamp,
            turn_id=event.turn_id or "",
            step=step.step,
            provider=step.provider,
            model=step.model,
            messages=shape.messages,
            chars=shape.whole,
            input_tokens=usage.input_tokens if usage is not None else None,
            expected=expected,
            hit=hit,
            missed=missed,
            differs=shape.differs,
            cause=self._cause(event, step, missed),
            declared=bool(self._causes) or self._elsewhere(step),
            lost_usd=_lost(step, missed),
        )

    def _expected(self, step: e.StepCompleted) -> int:
        before, shape = self._last, step.request
        if before is None or before.request is None or shape is None or not shape.before or self._elsewhere(step):
            return 0
        counted = before.usage.input_tokens if before.usage is not None else None
        return round((counted or shape.before / self.ratio) * shape.same / shape.before)

    def _elsewhere(self, step: e.StepCompleted) -> bool:
        before = self._last
        return before is not None and (before.provider, before.model) != (step.provider, step.model)

    def _cause(self, event: e.Event, step: e.StepCompleted, missed: int | None) -> str:
        assert step.request is not None
        if self._last is None:
            return "the first request" if not step.request.before else "the requests before are not in this log"
        if self._elsewhere(step):
            return f"another model: {self._last.model} by {self._last.provider} before"
        if self._causes:
            return "; ".join(dict.fromkeys(self._causes))
        if step.request.differs:
            return "not known: no event declares it"
        if missed is None or missed < SMALL:
            return ""
        seconds = _between(self.found[-1].at, event.timestamp)
        if seconds > FORGETS_AFTER:
            return f"{seconds // 60} min passed: the provider may have forgotten"
        return "not known: nothing of the request was other than before"


def _lost(step: e.StepCompleted, missed: int | None) -> float | None:
    if missed is None or step.charge is None:
        return None
    return round(missed * (step.charge.rate.cache_miss - step.charge.rate.cache_hit) / MILLION, 12)


def _between(before: str, after: str) -> int:
    from datetime import datetime  # noqa: PLC0415 - only a report needs it

    return int((datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds())
