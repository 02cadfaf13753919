"""What the active route amounts to, for reports: nothing in here holds a key, a password or a query."""

from msgspec import Struct

from codewhale.config.routes import model_route
from codewhale.config.settings import Settings
from codewhale.domain.errors import ConfigError
from codewhale.llm.profiles import UNKNOWN, Dialect, load_profile, model_facts, output_limit
from codewhale.llm.route import dialect_of
from codewhale.llm.transport.url import parse_url

_MODES: dict[Dialect, str] = {"chat": "ChatCompletions", "anthropic": "AnthropicMessages", "responses": "Responses"}
_CACHE_TELEMETRY = frozenset({"deepseek", "deepseek-cn", "nvidia-nim", "anthropic"})
_RETIRING = frozenset({"deepseek-chat", "deepseek-reasoner"})


class AliasDeprecation(Struct, frozen=True, kw_only=True):
    """A model name that its provider will take away, and what to use instead."""

    alias: str
    replacement: str
    retirement_date: str
    retirement_utc: str
    notice: str


class Capability(Struct, frozen=True, kw_only=True):
    """What the model in use can do, as far as its profile knows; sizes in tokens."""

    resolved_provider: str
    resolved_model: str
    context_window: int
    max_output: int | None
    thinking_supported: bool
    cache_telemetry_supported: bool
    request_payload_mode: str
    alias_deprecation: AliasDeprecation | None


def capability(settings: Settings) -> Capability:
    """The capability of the active route."""
    route = settings.route
    known = load_profile(route.provider)
    profile = known or UNKNOWN
    facts = model_facts(profile, route.model)
    window = route.context_window or facts.window or profile.window
    return Capability(
        resolved_provider=route.provider,
        resolved_model=route.model,
        context_window=window,
        max_output=route.max_output or facts.max_output or output_limit(window, None, known=known is not None),
        thinking_supported=bool(facts.efforts or profile.effort) and facts.effort is not False,
        cache_telemetry_supported=route.provider in _CACHE_TELEMETRY,
        request_payload_mode=_MODES[route.dialect or dialect_of(profile, route.model, route.base_url)],
        alias_deprecation=_deprecation(route.provider, route.model),
    )


def shown_endpoint(settings: Settings) -> str:
    """Scheme, host and port of the active route, nothing else of its address."""
    url = parse_url(settings.route.base_url)
    return f"{url.scheme}://{url.authority}"


def why_unusable(settings: Settings, provider: str | None = None) -> ConfigError | None:
    """What stands in the way of a model call (to a provider that is not the one in use, if one is named); None when nothing
    that can be seen from here does."""
    try:
        model_route(settings, provider)
    except ConfigError as error:
        return error
    return None


def _deprecation(provider: str, model: str) -> AliasDeprecation | None:
    if provider != "deepseek" or model not in _RETIRING:
        return None
    return AliasDeprecation(
        alias=model,
        replacement="deepseek-v4-flash",
        retirement_date="2026-07-24",
        retirement_utc="2026-07-24T15:59:00Z",
        notice=f"{model} is no longer served after 2026-07-24; use deepseek-v4-flash",
    )
