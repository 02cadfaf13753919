"""Fallback routes: who is asked, when a call is handed on, and how long a route that failed is left alone."""

from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from codewhale.domain.errors import ConfigError, ProviderCategory, ProviderError
from codewhale.domain.messages import Finished, ModelEvent, ModelRequest, Rerouted, TextDelta, Waiting
from codewhale.llm.chain import HANDS_OVER, LONG, LONGEST, SHORT, Chain, Cooling, Link
from codewhale.llm.provider import Provider
from codewhale.llm.route import RouteWish, make_route
from codewhale.testing.clocks import ManualClock
from codewhale.testing.provider_kit import HELLO

ALL: tuple[ProviderCategory, ...] = (
    "network", "timeout", "rate_limit", "overloaded", "server", "authentication", "authorization", "quota",
    "invalid_request", "context_length", "content_policy", "model_not_found", "protocol",
)  # fmt: skip
Say = ModelEvent | ProviderError


class Scripted:
    """Says one list after the other, the last one again and again; `asked` has the requests."""

    def __init__(self, name: str, *answers: Sequence[Say]) -> None:
        self.name = name
        self.asked: list[ModelRequest] = []
        self._answers = answers

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        self.asked.append(request)
        for said in self._answers[min(len(self.asked), len(self._answers)) - 1]:
            if isinstance(said, ProviderError):
                raise said
            yield said

    async def close(self) -> None:
        """Nothing is open."""


def fail(category: ProviderCategory, retry_after: float | None = None) -> ProviderError:
    return ProviderError(f"it failed ({category}).", category=category, retry_after=retry_after)


def ok(text: str) -> list[Say]:
    return [TextDelta(text), Finished("stop")]


def link(provider: Provider) -> Link:
    wish = RouteWish(base_url=f"https://{provider.name}.example/v1", model=f"{provider.name}-model", api_key="k")
    return Link(provider=provider, route=make_route(provider.name, wish))


class Stage:
    """A chain over these providers, and the clock of its cooling."""

    def __init__(self, *providers: Provider, broken: Callable[[], Link] | None = None) -> None:
        self.clock = ManualClock()
        first, *others = providers
        makers: list[Callable[[], Link]] = [lambda one=one: link(one) for one in others]
        if broken is not None:
            makers.insert(0, broken)
        self.chain = Chain(link(first), makers, Cooling(self.clock))

    async def said(self) -> list[ModelEvent]:
        return [event async for event in self.chain.stream(HELLO)]


@pytest.mark.parametrize("category", ALL)
async def test_what_another_route_need_not_share_is_handed_on(category: ProviderCategory) -> None:
    first, second = Scripted("one", [fail(category)]), Scripted("two", ok("hi"))
    stage = Stage(first, second)
    if category in HANDS_OVER:
        rerouted = Rerouted("two", "two-model", f"it failed ({category})")
        assert await stage.said() == [rerouted, *ok("hi")]
        assert [request.model for request in second.asked] == ["two-model"]
    else:
        with pytest.raises(ProviderError):
            await stage.said()
        assert second.asked == []


async def test_an_answer_that_began_is_never_handed_on() -> None:
    first, second = Scripted("one", [TextDelta("so"), fail("network")]), Scripted("two", ok("hi"))
    stage = Stage(first, second)
    with pytest.raises(ProviderError):
        await stage.said()
    assert second.asked == []


async def test_waiting_is_not_an_answer() -> None:
    wait = Waiting(attempt=2, attempts=2, delay=1.0, reason="slow")
    stage = Stage(Scripted("one", [wait, fail("server")]), Scripted("two", ok("hi")))
    assert await stage.said() == [wait, Rerouted("two", "two-model", "it failed (server)"), *ok("hi")]


async def test_an_answer_that_is_superseded_is_none() -> None:
    again = Waiting(attempt=2, attempts=2, delay=1.0, reason="cut", partial=True)
    stage = Stage(Scripted("one", [TextDelta("so"), again, fail("server")]), Scripted("two", ok("hi")))
    assert await stage.said() == [
        TextDelta("so"),
        again,
        Rerouted("two", "two-model", "it failed (server)"),
        *ok("hi"),
    ]


async def test_a_route_that_failed_is_left_alone_and_then_asked_again() -> None:
    first, second = Scripted("one", [fail("server")], ok("back")), Scripted("two", ok("hi"))
    stage = Stage(first, second)
    assert (await stage.said())[1:] == ok("hi")
    stage.clock.advance(SHORT - 1)
    assert await stage.said() == [Rerouted("two", "two-model", "it failed (server)"), *ok("hi")]
    assert len(first.asked) == 1
    stage.clock.advance(2)
    assert await stage.said() == ok("back")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (fail("server"), SHORT),
        (fail("quota"), LONG),
        (fail("authentication"), LONG),
        (fail("rate_limit", 120.0), 120.0),
        (fail("rate_limit", 1e9), LONGEST),
    ],
)
def test_how_long(error: ProviderError, seconds: float) -> None:
    clock = ManualClock()
    cooling = Cooling(clock)
    cooling.failed(("u", "m"), error)
    clock.advance(seconds - 0.5)
    assert cooling.reason(("u", "m")) == error.message
    clock.advance(1.0)
    assert cooling.reason(("u", "m")) is None


def test_it_takes_longer_each_time_but_not_for_ever() -> None:
    clock = ManualClock()
    cooling = Cooling(clock)
    for _ in range(20):
        cooling.failed(("u", "m"), fail("server"))
    clock.advance(LONGEST - 1)
    assert cooling.reason(("u", "m")) is not None
    clock.advance(2)
    assert cooling.reason(("u", "m")) is None
    cooling.answered(("u", "m"))
    cooling.failed(("u", "m"), fail("server"))
    clock.advance(SHORT + 1)
    assert cooling.reason(("u", "m")) is None


async def test_when_everybody_failed_the_last_failure_is_raised_and_the_first_is_asked_next() -> None:
    first, second = Scripted("one", [fail("server")], ok("back")), Scripted("two", [fail("quota")])
    stage = Stage(first, second)
    with pytest.raises(ProviderError) as caught:
        await stage.said()
    assert caught.value.category == "quota"
    assert await stage.said() == ok("back")


async def test_a_route_that_cannot_be_made_is_passed_over_with_its_reason() -> None:
    def broken() -> Link:
        raise ConfigError("No API key for none.")

    stage = Stage(Scripted("one", [fail("server")]), Scripted("two", ok("hi")), broken=broken)
    assert (await stage.said())[0] == Rerouted("two", "two-model", "No API key for none; it failed (server)")
