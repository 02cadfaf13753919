"""A route and those that answer when it cannot, as one provider.

A call goes on to the next route only while nothing of an answer has come, and only for failures that another route need not
share. A route that failed is left alone for a while, so that the next calls do not wait for it; it is asked again when its
time is over, or when nobody else is left. Each change is told with its reason.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import ConfigError, ProviderError
from codewhale.domain.messages import ModelEvent, ModelRequest, Rerouted, Waiting
from codewhale.domain.ports import Clock
from codewhale.llm.provider import Provider
from codewhale.llm.route import Route

HANDS_OVER = frozenset(
    {"authentication", "authorization", "quota", "rate_limit", "overloaded", "network", "timeout", "server"}
)
"""What another route need not share; a request that is too long or refused for what it says is not handed on."""
FOR_LONG = frozenset({"authentication", "authorization", "quota"})
SHORT, LONG, LONGEST = 30.0, 300.0, 900.0
"""Seconds that a route is left alone: after a passing failure, after one that a person has to mend, at most."""

Place = tuple[str, str]


class Link(Struct, frozen=True, kw_only=True):
    """One route and who calls it."""

    provider: Provider
    route: Route

    @property
    def place(self) -> Place:
        return self.route.display_url, self.route.model


class _Cold(Struct):
    until: float
    strikes: int
    reason: str


class Cooling:
    """Which routes are left alone, for how long and why; shared by all calls of a process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cold: dict[Place, _Cold] = {}

    def reason(self, place: Place) -> str | None:
        """Why a route is left alone now; None when it may be asked."""
        cold = self._cold.get(place)
        return cold.reason if cold is not None and cold.until > self._clock.monotonic() else None

    def failed(self, place: Place, error: ProviderError) -> None:
        """Leave a route alone: longer each time in a row, at least as long as its provider asked."""
        known = self._cold.get(place)
        strikes = known.strikes + 1 if known is not None else 0
        seconds = (LONG if error.category in FOR_LONG else SHORT) * 2 ** min(strikes, 5)
        seconds = min(max(seconds, error.retry_after or 0.0), LONGEST)
        until = self._clock.monotonic() + seconds
        self._cold[place] = _Cold(until=until, strikes=strikes, reason=error.message)

    def answered(self, place: Place) -> None:
        """A route has answered: it is as good as new."""
        self._cold.pop(place, None)


class Chain:
    """A `Provider`: the first link, then those behind it, which are made when they are needed. A link that cannot be made
    (no key for it, say) is passed over with its reason."""

    def __init__(self, first: Link, others: Sequence[Callable[[], Link]], cooling: Cooling) -> None:
        self._first = first
        self._others = others
        self._cooling = cooling

    @property
    def name(self) -> str:
        return self._first.provider.name

    async def close(self) -> None:
        """The links are closed by whoever made them."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        why: list[str] = []
        failure: ProviderError | None = None
        for link in self._links(why):
            if link is not self._first:
                yield Rerouted(link.route.provider, link.route.model, "; ".join(why))
            asked = request if link is self._first else _fitted(request, link.route)
            spoke = False
            try:
                async with aclosing(cast("AsyncGenerator[ModelEvent]", link.provider.stream(asked))) as events:
                    async for event in events:
                        spoke = (spoke and not event.partial) if isinstance(event, Waiting) else True
                        yield event
            except ProviderError as error:
                if spoke or error.category not in HANDS_OVER:
                    raise
                self._cooling.failed(link.place, error)
                why.append(error.message.rstrip("."))
                failure = error
            else:
                self._cooling.answered(link.place)
                return
        assert failure is not None
        raise failure

    def _links(self, why: list[str]) -> list[Link]:
        """Who may be asked, in order; the first alone when everybody is to be left alone."""
        links = [self._first]
        for make in self._others:
            try:
                links.append(make())
            except ConfigError as error:
                why.append(error.message.rstrip("."))
        warm: list[Link] = []
        for link in links:
            reason = self._cooling.reason(link.place)
            if reason is None:
                warm.append(link)
            elif not warm:
                why.append(reason.rstrip("."))
        return warm or [self._first]


def _fitted(request: ModelRequest, route: Route) -> ModelRequest:
    limits = [n for n in (request.max_output_tokens, route.max_output) if n is not None]
    return replace(
        request,
        model=route.model,
        max_output_tokens=min(limits) if limits else None,
        effort=request.effort or route.effort,
    )
