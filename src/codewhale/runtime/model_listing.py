"""Which models can be named: what the provider in use says it has, kept for a few minutes, and the servers found running on
this machine. Looked for only when somebody asks; nothing but loopback addresses is ever probed.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.providers import provider_models
from codewhale.config.routes import model_route, route_for
from codewhale.config.settings import Settings
from codewhale.domain.errors import CodewhaleError, ConfigError, ProviderError
from codewhale.llm.connect import open_transport
from codewhale.llm.errors import Endpoint
from codewhale.llm.listing import ListedModel, list_models
from codewhale.llm.profiles import load_profile, model_facts, profile_ids
from codewhale.llm.route import models_url, request_headers
from codewhale.llm.transport.url import is_loopback

ASK_SECONDS = 10.0
PROBE_SECONDS = 0.3
FRESH_SECONDS = 600.0
SHOWN_MODELS = 3


class Listing(Struct, frozen=True, kw_only=True):
    """The models of the provider in use. `source` says who named them; `problem` why the provider did not."""

    provider: str
    url: str
    models: tuple[ListedModel, ...]
    source: str
    problem: str | None = None


class LocalServer(Struct, frozen=True, kw_only=True):
    """A model server that answered on this machine."""

    provider: str
    url: str
    models: tuple[str, ...]


class _Kept(Struct):
    at: float
    models: tuple[ListedModel, ...]


async def listed(settings: Settings, *, refresh: bool = False, offline: bool = False) -> Listing:
    """The models of the provider in use, asked of it unless that was done a moment ago; those known by name when it cannot
    be asked. Raises nothing that a missing key or network causes."""
    provider, url = settings.route.provider, settings.route.base_url
    known = _with_windows(provider, [ListedModel(id=name) for name in provider_models(settings, provider)])
    place = _cache_file(settings)
    kept = None if refresh else _kept(place)
    if kept is not None:
        return Listing(provider=provider, url=_shown(url), models=kept, source="the provider, a moment ago")
    if offline:
        return Listing(provider=provider, url=_shown(url), models=known, source="codewhale's own list")
    try:
        models = _with_windows(provider, await _asked(settings))
    except CodewhaleError as error:
        return Listing(
            provider=provider,
            url=_shown(url),
            models=known,
            source="codewhale's own list",
            problem=error.message,
        )
    _keep(place, models)
    return Listing(provider=provider, url=_shown(url), models=models, source="the provider")


def readiness(settings: Settings) -> dict[str, str]:
    """Every provider that is known, and whether it could be called."""
    found: dict[str, str] = {}
    for name in sorted({*profile_ids(), *settings.routes, settings.route.provider}):
        route = route_for(settings, name)
        if route.api_key is not None:
            found[name] = "ready"
        else:
            found[name] = "no key" if route.needs_key else "needs no key"
    return found


async def local_servers(settings: Settings) -> tuple[LocalServer, ...]:
    """The local model servers that answer now, in the order of their names. Takes at most a third of a second."""
    places = [place for place in map(_local_place, [settings] * len(profile_ids()), profile_ids()) if place is not None]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_probed(provider, url)) for provider, url in places]
    found: dict[str, LocalServer] = {}
    for task in tasks:
        server = task.result()
        if server is not None:
            found.setdefault(server.url, server)
    return tuple(found.values())


def offer(servers: Sequence[LocalServer]) -> str | None:
    """How to use what was found running, in words; None when nothing was."""
    usable = [server for server in servers if server.models]
    if not usable:
        return None
    ways = [f"--provider {server.provider} --model {server.models[0]}" for server in usable[:SHOWN_MODELS]]
    return f"Running on this machine, no key needed: {' or '.join(ways)}."


def _with_windows(provider: str, models: Sequence[ListedModel]) -> tuple[ListedModel, ...]:
    """The models, those without a window with what the provider's profile knows."""
    profile = load_profile(provider)
    if profile is None:
        return tuple(models)
    return tuple(one if one.window else replace(one, window=model_facts(profile, one.id).window) for one in models)


async def _asked(settings: Settings) -> tuple[ListedModel, ...]:
    route = model_route(settings)
    async with AsyncExitStack() as stack:
        transport = open_transport(route.proxy, route.ca_file)
        stack.push_async_callback(transport.close)
        return await list_models(
            transport, models_url(route.base_url), request_headers(route), route.endpoint, ASK_SECONDS
        )


def _local_place(settings: Settings, provider: str) -> tuple[str, str] | None:
    profile = load_profile(provider)
    if profile is None or not profile.keyless:
        return None
    try:
        url = route_for(settings, provider).base_url or profile.base_url
        host = models_url(url).host
    except ConfigError:
        return None
    return (provider, url) if is_loopback(host) else None


async def _probed(provider: str, base_url: str) -> LocalServer | None:
    url = models_url(base_url)
    endpoint = Endpoint(provider=provider, url=url.display, model="")
    async with AsyncExitStack() as stack:
        transport = open_transport()
        stack.push_async_callback(transport.close)
        try:
            models = await list_models(transport, url, (), endpoint, PROBE_SECONDS)
        except ProviderError:
            return None
    return LocalServer(provider=provider, url=_shown(base_url), models=tuple(model.id for model in models))


def _shown(base_url: str) -> str:
    return models_url(base_url).display.removesuffix("/models")


def _cache_file(settings: Settings) -> str:
    key = settings.route.api_key
    who = f"{settings.route.base_url}\n{key.reveal() if key else ''}"
    return os.path.join(settings.home, "cache", f"models-{blake2b(who.encode(), digest_size=12).hexdigest()}.json")


def _kept(path: str) -> tuple[ListedModel, ...] | None:
    try:
        with open(path, "rb") as file:
            kept = msgspec.json.decode(file.read(), type=_Kept)
    except (OSError, ValueError):
        return None
    return kept.models if 0 <= time.time() - kept.at < FRESH_SECONDS else None


def _keep(path: str, models: tuple[ListedModel, ...]) -> None:
    """Best effort: without it the provider is asked again."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        beside = f"{path}.{os.getpid()}"
        with open(beside, "wb") as file:
            file.write(msgspec.json.encode(_Kept(at=time.time(), models=models)))
        os.replace(beside, path)
    except OSError:
        return
