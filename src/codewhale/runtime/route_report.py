"""Where a model call would go, part by part, and who said so: the record behind `codewhale model resolve`. Never the key."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.explain import Explainer
from codewhale.config.routes import auto_models, model_route, route_for
from codewhale.config.settings import Secret, Settings
from codewhale.domain.ports import SystemClock
from codewhale.domain.usage import Rate
from codewhale.llm.pricing import route_rate
from codewhale.llm.profiles import load_profile, window_source
from codewhale.llm.route import NoKey, Route
from codewhale.runtime.outside import AUTO


class Part(Struct, frozen=True, kw_only=True):
    """One part of a route: its value in words, and where that comes from."""

    name: str
    value: str
    why: str


def resolved(explainer: Explainer, name: str | None) -> list[Part]:
    """The parts of the route to `name`, or to the model in use."""
    settings = explainer.settings
    wanted = name or settings.route.model
    auto = auto_models(settings, None) if wanted == AUTO else None
    route, missing = _route(settings, auto[1] if auto is not None else wanted)
    key = Part(name="key", value="set" if route.api_key else "none", why=_key(settings))
    parts = [
        Part(name="provider", value=route.provider, why=_said(explainer, "provider")),
        Part(name="endpoint", value=route.display_url, why=_endpoint(explainer, settings)),
        Part(name="dialect", value=route.dialect, why=_dialect(settings, route)),
        _model(explainer, route, name, auto),
        *_limits(settings, route),
        _effort(explainer, route),
        key if missing is None else Part(name="key", value="MISSING", why=missing),
        _price(settings, route),
    ]
    if settings.fallback_providers:
        others = ", ".join(settings.fallback_providers)
        parts.append(Part(name="fallback", value=others, why=_said(explainer, "fallback_providers")))
    return parts


def _route(settings: Settings, model: str) -> tuple[Route, str | None]:
    """The route, and what to do about its key if that is missing: all else can still be shown."""
    try:
        return model_route(settings, None, model), None
    except NoKey as error:
        pretended = replace(settings, route=replace(settings.route, api_key=Secret("-")))
        return model_route(pretended, None, model), error.hint or error.message


def _said(explainer: Explainer, *path: str) -> str:
    found = explainer.explain(path)
    return f"{found.source}: {found.place}" if found.place else found.source


def _endpoint(explainer: Explainer, settings: Settings) -> str:
    told = explainer.explain(("providers", settings.route.provider, "base_url"))
    return "the provider's own address" if told.source == "default" else f"{told.source}: {told.place}"


def _dialect(settings: Settings, route: Route) -> str:
    if settings.route.dialect is not None:
        return f"providers.{route.provider}.dialect"
    profile = load_profile(route.provider)
    if profile is None:
        return "what a server of unknown kind is taken to speak"
    return "the provider's profile" if route.dialect == profile.dialect else "what the profile knows of the model"


def _model(explainer: Explainer, route: Route, name: str | None, auto: Sequence[str] | None) -> Part:
    if auto is not None:
        why = _said(explainer, "model") if name is None else "the command line"
        return Part(name="model", value=f"{auto[0]} or {auto[1]}", why=f"auto chooses for each turn ({why})")
    return Part(name="model", value=route.model, why="the command line" if name else _said(explainer, "model"))


_WINDOWS = {
    "known": "the provider's profile",
    "name": "a guess from the model's name",
    "default": "what is usual for the provider",
}


def _limits(settings: Settings, route: Route) -> list[Part]:
    profile, own = load_profile(route.provider), route_for(settings, None)
    unknown = "a guess: nothing is known of this server"
    window = unknown if profile is None else _WINDOWS[window_source(profile, route.model)]
    if own.context_window:
        window = f"providers.{route.provider}.context_window"
    output = unknown if profile is None else "the provider's profile"
    if own.max_output:
        output = f"providers.{route.provider}.max_output"
    most = f"{route.max_output:,} tokens" if route.max_output else "as the server says"
    return [
        Part(name="window", value=f"{route.window:,} tokens", why=window),
        Part(name="output", value=most, why=output),
    ]


def _effort(explainer: Explainer, route: Route) -> Part:
    if route.effort is None:
        return Part(name="effort", value="as the model does", why="nobody said")
    sent = "" if route.quirks.effort.get(route.effort) else " (this model takes none)"
    return Part(name="effort", value=f"{route.effort}{sent}", why=_said(explainer, "reasoning_effort"))


def _key(settings: Settings) -> str:
    route = settings.route
    match route.api_key_source:
        case "env":
            return f"the environment: {' or '.join(route.api_key_env)}"
        case "config":
            return f"the settings: {settings.config_path}"
        case "missing":
            return "none is needed"
        case _:
            return "kept by `codewhale auth`, for this address alone"


def _price(settings: Settings, route: Route) -> Part:
    rate = route_rate(route, settings.prices_dir)(SystemClock().now())
    if rate is None:
        return Part(name="price", value="unknown", why="no published price is known for this model now")
    return Part(name="price", value=_in_words(rate), why=f"{rate.source}, since {rate.valid_from[:10]}")


def _in_words(rate: Rate) -> str:
    written = f", written to the cache ${rate.cache_write:g}" if rate.cache_write is not None else ""
    return f"${rate.cache_miss:g} in, ${rate.output:g} out, cached ${rate.cache_hit:g}{written} (per million tokens)"
