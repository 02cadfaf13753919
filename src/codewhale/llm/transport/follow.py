"""What holds for every response, whatever the transport: redirects only inside one origin, never a compressed body.

Credentials never reach another host: a cross-origin redirect is an error that names the host, not a request.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from codewhale.domain.errors import ConfigError, ProviderError
from codewhale.llm.transport.port import HttpRequest, HttpResponse, Transport, header
from codewhale.llm.transport.url import Url, parse_url

MAX_REDIRECTS = 3
SAME_METHOD = frozenset({307, 308})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@asynccontextmanager
async def open_response(transport: Transport, request: HttpRequest) -> AsyncGenerator[HttpResponse]:
    """Send and follow what may be followed: 307 and 308 inside the origin, for GET every redirect inside it."""
    for _ in range(MAX_REDIRECTS + 1):
        async with transport.send(request) as response:
            onward = _onward(request, response)
            if onward is None:
                _check_encoding(response)
                yield response
                return
        request = onward
    raise ProviderError(
        f"{request.url.authority} redirected more than {MAX_REDIRECTS} times.",
        category="protocol",
        hint="Check base_url.",
    )


def _onward(request: HttpRequest, response: HttpResponse) -> HttpRequest | None:
    location = header(response.headers, "location")
    if response.status not in REDIRECTS or location is None:
        return None
    target = _resolved(request.url, location, response.status)
    if target.origin != request.url.origin:
        raise _refused(response.status, f"to {target.scheme}://{target.authority}")
    if request.method != "GET" and response.status not in SAME_METHOD:
        raise _refused(response.status, f"a {request.method} to {target.display}, which would lose its body")
    return HttpRequest(method=request.method, url=target, headers=request.headers, body=request.body)


def _resolved(base: Url, location: str, status: int) -> Url:
    if location.startswith("//"):
        location = f"{base.scheme}:{location}"
    elif location.startswith("/"):
        return base.with_target(location.partition("#")[0])
    elif "://" not in location.partition("?")[0]:
        directory = base.target.partition("?")[0].rpartition("/")[0]
        return base.with_target(f"{directory}/{location.partition('#')[0]}")
    try:
        return parse_url(location)
    except ConfigError as error:
        raise _refused(status, "to something that is not a URL") from error


def _refused(status: int, whither: str) -> ProviderError:
    return ProviderError(
        f"The server redirects (HTTP {status}) {whither}; this was not followed, the key was not sent there.",
        category="protocol",
        status=status,
        hint="If you trust the new address, set it as base_url.",
    )


def _check_encoding(response: HttpResponse) -> None:
    encoding = header(response.headers, "content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise ProviderError(
            f"The server compressed its answer ({encoding[:40]!r}) although that was not asked for.",
            category="protocol",
            status=response.status,
            hint="Switch compression off in the gateway between here and the model.",
        )
