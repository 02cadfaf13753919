"""From a route to a provider: transport, adapter and guard put together. Opens no connection by itself."""

from msgspec import structs

from codewhale.domain.errors import ConfigError
from codewhale.domain.ports import Clock
from codewhale.llm.dialects.posting import Codec, PostingAdapter
from codewhale.llm.guard import GuardedProvider, Limits
from codewhale.llm.pace import Lane, Pace
from codewhale.llm.route import Route, request_headers
from codewhale.llm.transport.direct import DirectTransport
from codewhale.llm.transport.port import Transport


def open_provider(
    route: Route,
    limits: Limits,
    clock: Clock,
    *,
    transport: Transport | None = None,
    pace: Pace | None = None,
    lane: Lane | None = None,
) -> GuardedProvider:
    """A provider for the route, to be closed by the caller. An open timeout that the limits leave open is the route's
    (longer for servers that load their model first). `lane` is shared by all that call one endpoint. `ConfigError` for a
    key that cannot be sent."""
    if limits.open_timeout is None:
        limits = structs.replace(limits, open_timeout=route.open_timeout)
    adapter = PostingAdapter(
        route.endpoint,
        route.url,
        headers=request_headers(route),
        codec=codec_of(route),
        transport=transport or open_transport(route.proxy, route.ca_file),
    )
    return GuardedProvider(adapter, limits, clock, pace, lane)


def codec_of(route: Route) -> Codec:
    """The route's dialect as its endpoint wants it; only that dialect's code is loaded."""
    match route.dialect:
        case "chat":
            from codewhale.llm.dialects.chat import codec
        case "anthropic":
            from codewhale.llm.dialects.anthropic import codec
        case "responses":
            from codewhale.llm.dialects.responses import codec
    return codec(route.endpoint, route.quirks)


def open_transport(proxy: str | None = None, ca_file: str | None = None) -> Transport:
    """The direct transport; httpx2 only when there is a proxy to go through. `ConfigError` for an unusable proxy."""
    if proxy is None:
        return DirectTransport(ca_file=ca_file)
    # 150 ms of imports that few runs need
    from codewhale.llm.transport.proxied import HttpxTransport

    try:
        return HttpxTransport(proxy=proxy, ca_file=ca_file)
    except ValueError as error:
        raise ConfigError("The proxy setting is not a URL.", hint="Write it like http://host:3128") from error
