"""What the calls of a route cost. Published prices are for the provider's own endpoint (or a server of one's own): at any
other address of the same protocol only the person's own price table counts."""

from codewhale.domain.usage import Rate, RateAt
from codewhale.llm.prices import PriceEntry, own_prices, published_prices, rate_of
from codewhale.llm.profiles import load_profile
from codewhale.llm.route import Route
from codewhale.llm.transport.url import parse_url


def route_rate(route: Route, own: str) -> RateAt:
    """The rates of the route's model over time; `own` is the folder of the person's tables. A mistake in one of them is a
    `ConfigError` now; ours are read when the first rate is wanted, which is after the first answer."""
    mine = own_prices(route.provider, own)
    known: list[RateAt] = []

    def at(moment: str) -> Rate | None:
        if not known:
            known.append(rate_of((*mine, *_published(route)), route.model))
        return known[0](moment)

    return at


def _published(route: Route) -> tuple[PriceEntry, ...]:
    profile = load_profile(route.provider)
    if profile is None or not (profile.keyless or parse_url(profile.base_url).origin == route.url.origin):
        return ()
    return published_prices(route.provider)
