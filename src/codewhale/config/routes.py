"""Where model calls go: provider profiles, file, environment and flags made into one `Route` per provider.

A key is looked for in the file, then among those that `codewhale auth set` keeps, then in the environment. Invariant: it
belongs to the endpoint it was saved for. A key from a file is not sent to a host that only an environment variable named,
a kept one to no other host at all, and `DEEPSEEK_*` never supplies the key or address of another provider.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from codewhale.config.credentials import Credentials, credentials_of
from codewhale.config.dotenv import all_variables
from codewhale.config.environment import given
from codewhale.config.layers import Layer, ProviderLayer
from codewhale.config.settings import KeySource, Route, Secret, Settings
from codewhale.domain.errors import ConfigError
from codewhale.domain.nearest import nearest
from codewhale.llm.profiles import UNKNOWN, Profile, load_profile, profile_ids
from codewhale.llm.route import Route as ModelRoute
from codewhale.llm.route import RouteWish, make_route
from codewhale.llm.transport.url import is_loopback, parse_url

DEFAULT_PROVIDER = "deepseek"


def routes_of(
    file: Layer, variables: Layer, flags: Layer, env: dict[str, str], kept: Credentials
) -> tuple[Route, dict[str, Route]]:
    """The active route, and those of all other providers that the settings say something of or that a key is kept for."""
    sources = _Sources(file, variables, flags, env, kept)
    active = flags.provider or variables.provider or file.provider or DEFAULT_PROVIDER
    known = [name for name in kept.names() or () if load_profile(name) is not None]
    names = dict.fromkeys((DEFAULT_PROVIDER, *file.providers, *known))  # what names no provider is the default's
    others = {name: sources.route(name) for name in names if name != active}
    return sources.active(active), others


def route_for(settings: Settings, provider: str | None) -> Route:
    """The route of the provider that a thread names; None is the active one."""
    if provider is None or provider == settings.route.provider:
        return settings.route
    if provider in settings.routes:
        return settings.routes[provider]
    return named_route(provider, all_variables())


def named_route(provider: str, env: dict[str, str]) -> Route:
    """The route of a provider that the settings do not name. `ConfigError` when there is no such provider."""
    return _Sources(Layer(), Layer(), Layer(), env, credentials_of(env)).route(provider)


def origin_of(base_url: str) -> str:
    """The scheme, host and port of an address, which is what a key is bound to."""
    url = parse_url(base_url)
    return f"{url.scheme}://{url.authority}"


def key_home(file: Layer, provider: str, env: dict[str, str], kept: Credentials, base_url: str | None = None) -> str:
    """The address that a key saved for `provider` is meant for: what the person named, else the settings file's, else the
    provider's own. Never one that only a variable names."""
    return _Sources(file, Layer(), Layer(base_url=base_url), env, kept).saved_for(provider)


def model_route(settings: Settings, provider: str | None = None, model: str | None = None) -> ModelRoute:
    """What a model call needs, all resolved. `ConfigError` when no call could be made: no key where one is needed, plain
    HTTP to another machine, no such provider, a header that cannot be sent."""
    route = route_for(settings, provider)
    key = route.api_key
    return make_route(
        route.provider,
        RouteWish(
            model=model or route.model or None,
            dialect=route.dialect,
            base_url=route.base_url or None,
            api_key=key.reveal() if key else None,
            key_source=route.api_key_source,
            headers=tuple(route.http_headers.items()),
            effort=settings.reasoning_effort,
            window=route.context_window,
            max_output=route.max_output,
            allow_insecure_http=settings.allow_insecure_http,
            proxy=proxy_for(settings, route.base_url),
            ca_file=settings.ca_file,
        ),
    )


def auto_models(settings: Settings, provider: str | None) -> tuple[str, str]:
    """The strong and the fast model that `auto` chooses between. `ConfigError` where neither the settings nor the provider's
    profile name them."""
    route = route_for(settings, provider)
    profile = load_profile(route.provider)
    own = (profile.strong_model, profile.fast_model) if profile is not None else (None, None)
    strong, fast = settings.auto.strong or own[0], settings.auto.fast or own[1]
    if strong and fast:
        return strong, fast
    raise ConfigError(
        f"auto has no models to choose between for {route.provider}",
        hint='set strong and fast in [auto] of the settings, or name a model instead of "auto"',
    )


def proxy_for(settings: Settings, base_url: str) -> str | None:
    """The proxy that an address is reached through; None for one that is reached directly."""
    if settings.proxy is None or not base_url:
        return None
    host = parse_url(base_url).host
    if is_loopback(host) or any(_covers(entry, host) for entry in settings.no_proxy):
        return None
    return settings.proxy


def _covers(entry: str, host: str) -> bool:
    name = entry.lower().rpartition(":")[0] if entry.rpartition(":")[2].isdecimal() else entry.lower()
    name = name.lstrip("*").lstrip(".")
    return entry == "*" or host == name or (bool(name) and host.endswith("." + name))


class _Sources:
    """The layers, and how each part of a route is looked up in them."""

    def __init__(self, file: Layer, variables: Layer, flags: Layer, env: dict[str, str], kept: Credentials) -> None:
        self._kept = kept
        self._file = file
        self._variables = variables
        self._flags = flags
        self._env = env

    def active(self, provider: str) -> Route:
        """The route of the provider in use: what was given without naming a provider is meant for it."""
        route = self.route(provider, self._flags.base_url)
        named = provider in self._file.providers and self._file.providers[provider].model
        model = self._flags.model or self._variables.model or (None if named else self._file.model)
        return replace(route, model=model or route.model)

    def saved_for(self, provider: str) -> str:
        """The address that keys of the provider are for, whatever the environment says."""
        keys = self._keys(provider)
        return _url(self._flags.base_url or keys.base_url or self._profile(provider, keys).base_url, provider)

    def route(self, provider: str, url: str | None = None) -> Route:
        """The route of a provider by what names it alone, or to the address that the command line gave for it."""
        keys = self._keys(provider)
        profile = self._profile(provider, keys)
        names = (keys.api_key_env,) if keys.api_key_env else profile.key_env
        saved_for = keys.base_url or profile.base_url
        moved_to = self._moved(provider, profile)
        bound = moved_to is None or _same_place(moved_to, saved_for)
        if not bound:
            keys = replace(keys, api_key=None, http_headers={})
        at = _url(url or moved_to or saved_for, provider)
        candidates = self._keys_for(provider, keys, names, at)
        key, source = next(iter(candidates), (None, "missing"))
        return Route(
            provider=provider,
            model=keys.model or self._env_of(profile.model_env) or profile.default_model,
            base_url=at,
            api_key=key,
            api_key_source=source,
            api_key_env=names,
            needs_key=not profile.keyless,
            http_headers={**keys.http_headers, **self._said_headers(provider)},
            dialect=keys.dialect,
            context_window=keys.context_window,
            max_output=keys.max_output,
        )

    def _keys(self, provider: str) -> ProviderLayer:
        keys = self._file.providers.get(provider, ProviderLayer())
        if provider != DEFAULT_PROVIDER:
            return keys
        file = self._file
        return replace(
            keys,
            api_key=keys.api_key or file.api_key,
            base_url=keys.base_url or file.base_url,
            http_headers={**(file.http_headers or {}), **keys.http_headers},
        )

    def _profile(self, provider: str, keys: ProviderLayer) -> Profile:
        profile = load_profile(provider)
        if profile is not None:
            return profile
        if keys.base_url or self._flags.base_url:
            return replace(UNKNOWN, id=provider, base_url=keys.base_url or self._flags.base_url or "")
        known = sorted({*profile_ids(), *self._file.providers})
        meant = nearest(provider, known)
        raise ConfigError(
            f"there is no provider {provider!r}",
            hint=(f"did you mean {meant}? " if meant else f"known are {', '.join(known)}. ")
            + f"For any other server, give base_url in [providers.{provider}] or with --base-url",
        )

    def _moved(self, provider: str, profile: Profile) -> str | None:
        if provider == DEFAULT_PROVIDER and self._variables.base_url:
            return self._variables.base_url
        return self._env_of(profile.base_url_env)

    def _keys_for(
        self, provider: str, keys: ProviderLayer, names: tuple[str, ...], at: str
    ) -> Iterable[tuple[Secret, KeySource]]:
        """The keys that may be sent to the address `at`, the one to use first; the later places are not looked at before
        the earlier ones had none."""
        if keys.api_key is not None:
            yield keys.api_key, "config"
        stored = self._kept.get(provider)
        if stored is not None and _same_place(stored.endpoint or self._profile(provider, keys).base_url, at):
            yield stored.key, "keyring"
        found = self._env_of(names)
        if found is not None:
            yield Secret(found), "env"
        if provider == DEFAULT_PROVIDER and self._variables.api_key is not None:
            yield self._variables.api_key, "env"

    def _said_headers(self, provider: str) -> dict[str, str]:
        return (self._variables.http_headers or {}) if provider == DEFAULT_PROVIDER else {}

    def _env_of(self, names: tuple[str, ...]) -> str | None:
        return next((value for value in (given(self._env, name) for name in names) if value is not None), None)


def _url(text: str, provider: str) -> str:
    try:
        parse_url(text)
    except ConfigError as error:
        raise ConfigError(f"base_url of {provider}: {error.message}", hint=error.hint) from None
    return text


def _same_place(a: str, b: str) -> bool:
    try:
        return parse_url(a).origin == parse_url(b).origin
    except ConfigError:
        return False
