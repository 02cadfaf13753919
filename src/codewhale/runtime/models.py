"""The models that turns call: providers by route, opened when first called and closed together, with those that answer when
one cannot."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from codewhale.config.routes import auto_models, model_route
from codewhale.config.settings import Settings
from codewhale.domain.ports import Clock
from codewhale.domain.usage import Rate, RateAt
from codewhale.llm.guard import GuardedProvider, Limits
from codewhale.llm.pace import Lane
from codewhale.llm.pricing import route_rate
from codewhale.llm.provider import Provider
from codewhale.llm.route import Route
from codewhale.runtime.outside import AUTO, Model

if TYPE_CHECKING:
    from codewhale.llm.chain import Cooling
    from codewhale.runtime.auto import AutoRouter


class Models:
    """Providers by route."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._limits = _limits(settings)
        self._cooling: Cooling | None = None
        self._lanes: dict[str, Lane] = {}
        self._open: dict[tuple[str, str], tuple[Route, GuardedProvider, RateAt]] = {}

    def of(self, model: str, provider: str | None) -> Model:
        """The model, ready to be called; `ConfigError` when it cannot be. `auto` means the fast model here: whoever has a
        message to choose by chooses before."""
        if model == AUTO:
            model = auto_models(self._settings, provider)[1]
        route, guarded, rate = self._opened(model, provider)
        return Model(
            provider=self._chained(route, guarded),
            name=route.model,
            max_output_tokens=route.max_output,
            effort=route.effort,
            window=route.window,
            rate=rate,
            other=self._rate_of,
        )

    def auto(self) -> "AutoRouter":
        """Who chooses where no model is named."""
        from codewhale.runtime.auto import AutoRouter  # noqa: PLC0415 - start-up: few leave the model open

        return AutoRouter(self._settings, self.of)

    async def close(self) -> None:
        """Close idle connections."""
        for _, provider, _ in self._open.values():
            await provider.close()

    def _opened(self, model: str | None, provider: str | None) -> tuple[Route, GuardedProvider, RateAt]:
        key = (model or "", provider or "")
        found = self._open.get(key)
        if found is None:
            route = model_route(self._settings, provider, model)
            rate = route_rate(route, self._settings.prices_dir)
            from codewhale.llm.connect import open_provider  # noqa: PLC0415 - start-up: a server calls nobody at first

            guarded = open_provider(route, self._limits, self._clock, lane=self._lane(route))
            found = self._open[key] = (route, guarded, rate)
        return found

    def _lane(self, route: Route) -> Lane:
        known = self._lanes.get(route.display_url)
        if known is None:
            limits = self._limits
            known = self._lanes[route.display_url] = Lane(self._clock, limits.per_second, limits.burst)
        return known

    def _chained(self, route: Route, guarded: GuardedProvider) -> Provider:
        """The route's provider, with those behind it that the settings name."""
        names = [name for name in dict.fromkeys(self._settings.fallback_providers) if name != route.provider]
        if not names:
            return guarded
        from codewhale.llm.chain import Chain, Cooling, Link  # noqa: PLC0415 - start-up: few name other providers

        if self._cooling is None:
            self._cooling = Cooling(self._clock)

        def link(name: str) -> Link:
            behind, guarded, _ = self._opened(None, name)
            return Link(provider=guarded, route=behind)

        others: list[Callable[[], Link]] = [lambda name=name: link(name) for name in names]
        return Chain(Link(provider=guarded, route=route), others, self._cooling)

    def _rate_of(self, provider: str, model: str) -> RateAt:
        """The prices of a route that is open."""
        for route, _, rate in self._open.values():
            if (route.provider, route.model) == (provider, model):
                return rate
        return _unknown


def _unknown(moment: str) -> Rate | None:
    del moment


def _limits(settings: Settings) -> Limits:
    retry = settings.retry
    known = Limits()
    return Limits(
        open_timeout=settings.stream.open_timeout or known.open_timeout,
        idle_timeout=settings.stream.idle_timeout,
        retries=retry.max_retries if retry.enabled else 0,
        first_delay=retry.initial_delay,
        max_delay=retry.max_delay,
        per_second=settings.stream.requests_per_second,
        burst=settings.stream.burst,
    )
