"""The transport on httpx2, for what the direct one leaves out: proxies. Imported only when it is used.

Same contract: no redirect, no compression, no retry; environment variables are not read.
"""

from collections.abc import AsyncIterator
from types import TracebackType

import httpx2

from codewhale.domain.errors import ProviderError
from codewhale.llm.transport.direct import IDLE_SECONDS, MAX_IDLE_PER_ORIGIN
from codewhale.llm.transport.port import CONNECT_TIMEOUT, MAX_HEADERS, Headers, HttpRequest, check_headers
from codewhale.llm.transport.tls import tls_context


class HttpxTransport:
    """`Transport` over httpx2. `proxy` is an http(s) or socks URL, for every request."""

    def __init__(
        self, *, connect_timeout: float = CONNECT_TIMEOUT, proxy: str | None = None, ca_file: str | None = None
    ) -> None:
        self._client = httpx2.AsyncClient(
            verify=tls_context(ca_file),
            proxy=proxy,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(None, connect=connect_timeout),
            limits=httpx2.Limits(max_keepalive_connections=MAX_IDLE_PER_ORIGIN, keepalive_expiry=IDLE_SECONDS),
        )

    def send(self, request: HttpRequest) -> "_Sending":
        check_headers(request.headers)
        return _Sending(self._client, request)

    async def close(self) -> None:
        await self._client.aclose()


class _Sending:
    """One request as a context."""

    def __init__(self, client: httpx2.AsyncClient, request: HttpRequest) -> None:
        self._client = client
        self._request = request
        self._response: httpx2.Response | None = None

    async def __aenter__(self) -> "_Answer":
        request = self._request
        headers = [*request.headers, ("Accept-Encoding", "identity")]
        try:
            sent = httpx2.Request(request.method, request.url.full, headers=headers, content=request.body or None)
            response = await self._client.send(sent, stream=True)
        except httpx2.HTTPError as error:
            raise _mapped(error, request) from error
        self._response = response
        if len(response.headers.raw) > MAX_HEADERS:
            await response.aclose()
            raise ProviderError(
                f"The response head of {request.url.authority} is too large.",
                category="protocol",
                hint="Check base_url and the proxy.",
            )
        return _Answer(response, request)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            await self._response.aclose()


class _Answer:
    """An `HttpResponse`."""

    def __init__(self, response: httpx2.Response, request: HttpRequest) -> None:
        self.status = response.status_code
        self.headers: Headers = tuple(
            (n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in response.headers.raw
        )
        self._pieces: AsyncIterator[bytes] = response.aiter_raw()
        self._request = request

    async def read(self) -> bytes:
        try:
            async for piece in self._pieces:
                if piece:
                    return piece
        except httpx2.HTTPError as error:
            raise _mapped(error, self._request) from error
        return b""


def _mapped(error: httpx2.HTTPError, request: HttpRequest) -> ProviderError:
    where = request.url.authority
    if isinstance(error, httpx2.ProxyError):
        return ProviderError(
            f"The proxy on the way to {where} refused: {error}.",
            category="authentication" if "407" in str(error) else "network",
            hint="Check the proxy setting, its user and its password.",
        )
    if isinstance(error, httpx2.TimeoutException):
        return ProviderError(f"No connection to {where} in time.", category="timeout", hint="Check network and proxy.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ProviderError(
            f"The TLS certificate of {where} was not accepted: {error}.",
            category="protocol",
            hint="Set ca_file (or SSL_CERT_FILE) to the authority that signed it, or correct base_url.",
        )
    if isinstance(error, httpx2.NetworkError) or _broke_off(error):
        return ProviderError(f"The connection to {where} failed: {error}.", category="network", hint="Check base_url.")
    return ProviderError(
        f"What {where} sent is not a valid HTTP response: {error}.", category="protocol", hint="Check base_url."
    )


def _broke_off(error: httpx2.HTTPError) -> bool:
    return isinstance(error, httpx2.RemoteProtocolError) and any(
        words in str(error) for words in ("disconnected", "peer closed", "incomplete")
    )
