"""The providers and models that can be named, from profiles, price tables and settings. Nobody is asked over the network."""

from codewhale.config.routes import route_for
from codewhale.config.settings import Settings
from codewhale.domain.errors import ConfigError, InvalidInput
from codewhale.domain.introspection import ProviderEntry
from codewhale.llm.prices import published_prices
from codewhale.llm.profiles import load_profile, profile_ids

_SHOWN = 80


def provider_entries(settings: Settings) -> list[ProviderEntry]:
    """Every provider with a profile or a table in the settings, by id."""
    known = {*profile_ids(), *settings.routes, settings.route.provider}
    return [_entry(settings, provider) for provider in sorted(known)]


def provider_models(settings: Settings, provider: str) -> list[str]:
    """The models of a provider that are known by name, its default first. `InvalidInput` for an unknown provider."""
    default = default_model(settings, provider)
    profile = load_profile(provider)
    patterns = [facts.match for facts in profile.models] if profile is not None else []
    patterns += [entry.match for entry in published_prices(provider)]
    own = [profile.default_model] if profile is not None else []
    exact = [name for name in (*own, *sorted(set(patterns))) if name and "*" not in name]
    return list(dict.fromkeys(name for name in (default, *exact) if name))


def default_model(settings: Settings, provider: str) -> str:
    """The model that a provider is used with when nobody names one. `InvalidInput` for an unknown provider."""
    try:
        return route_for(settings, provider).model
    except ConfigError as error:
        raise InvalidInput(f"Unknown provider '{provider[:_SHOWN]}'", hint=error.hint) from error


def _entry(settings: Settings, provider: str) -> ProviderEntry:
    profile = load_profile(provider)
    route = route_for(settings, provider)
    return ProviderEntry(
        id=provider,
        display_name=profile.title if profile is not None else provider,
        default_base_url=profile.base_url if profile is not None else "",
        default_model=route.model,
        has_model_catalog=bool(profile is not None and profile.models),
        env_vars=route.api_key_env,
    )
