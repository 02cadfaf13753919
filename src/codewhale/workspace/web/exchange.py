"""One HTTP request by the model's way out, and its redirects: every hop is a new judgement and a new connection.

No cookies, no credentials but those of a search service, no proxy and no authority of the project; the caller sets the time
limit. Bytes beyond the limit are not read.
"""

import ssl
from collections.abc import Mapping

import h11
from msgspec import Struct
from msgspec.structs import replace

from codewhale import __version__
from codewhale.domain.errors import ToolError
from codewhale.workspace.web.decode import Decoder
from codewhale.workspace.web.dial import Asked, Dialer, Streams
from codewhale.workspace.web.urls import WebUrl, joined

MAX_REDIRECTS = 5
MAX_HEAD = 64 * 1024
PIECE = 64 * 1024
AGENT = f"codewhale/{__version__}"
_MOVED = frozenset({301, 302, 303, 307, 308})


class WebRequest(Struct, frozen=True, kw_only=True):
    """What to ask for. `max_bytes` is of content, after decoding. With a body it is a POST."""

    url: WebUrl
    max_bytes: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    redirects: int = MAX_REDIRECTS


class WebAnswer(Struct, frozen=True, kw_only=True):
    """What came: header names are in lower case, `url` is where it came from in the end."""

    url: WebUrl
    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes
    truncated: bool

    def header(self, name: str) -> str:
        """The first header of this name; empty when there is none."""
        return next((value for key, value in self.headers if key == name), "")


async def fetch(dialer: Dialer, request: WebRequest, asked: Asked, tls: ssl.SSLContext) -> WebAnswer:
    """The answer after at most `request.redirects` redirects. `ToolError` when a host may not be reached or breaks off."""
    answer = await _once(dialer, request, asked, tls)
    for _ in range(request.redirects):
        location = answer.header("location")
        if answer.status not in _MOVED or not location:
            return answer
        try:
            request = replace(request, url=joined(answer.url, location))
            answer = await _once(dialer, request, asked, tls)
        except ToolError as error:
            raise ToolError(f"{answer.url} redirects elsewhere. {error.message}", category=error.category) from error
    if request.redirects and answer.status in _MOVED and answer.header("location"):
        raise ToolError(f"More than {request.redirects} redirects; the last one was at {request.url}.")
    return answer


async def _once(dialer: Dialer, request: WebRequest, asked: Asked, tls: ssl.SSLContext) -> WebAnswer:
    url = request.url
    streams = await dialer.open(url.host, url.port, asked, tls if url.scheme == "https" else None)
    try:
        return await _talk(streams, request)
    except h11.RemoteProtocolError as error:
        raise ToolError(f"What {url.host.name} sent is not a valid HTTP answer: {error}.") from error
    except (OSError, EOFError) as error:
        raise ToolError(f"The connection to {url.host.name} broke off: {error}.") from error
    finally:
        streams[1].transport.abort()


async def _talk(streams: Streams, request: WebRequest) -> WebAnswer:
    reader, writer = streams
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    sent = http.send(_head(request)) or b""
    sent += http.send(h11.Data(data=request.body)) or b"" if request.body else b""
    writer.write(sent + (http.send(h11.EndOfMessage()) or b""))
    await writer.drain()
    status, headers = 0, ()
    decoder = Decoder("", request.max_bytes)
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(PIECE))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
            encodings = ",".join(value for name, value in headers if name == "content-encoding")
            decoder = Decoder(encodings, request.max_bytes)
        elif isinstance(event, h11.InformationalResponse | h11.Data) and _goes_on(event, decoder):
            continue
        elif isinstance(event, h11.Data | h11.EndOfMessage):
            content, cut = decoder.content(), decoder.truncated
            return WebAnswer(url=request.url, status=status, headers=headers, content=content, truncated=cut)
        else:
            raise ToolError(f"{request.url.host.name} switched to another protocol.")


def _goes_on(event: h11.InformationalResponse | h11.Data, decoder: Decoder) -> bool:
    if isinstance(event, h11.InformationalResponse):
        return event.status_code != 101
    return decoder.feed(bytes(event.data))


def _head(request: WebRequest) -> h11.Request:
    headers = {
        "Host": request.url.authority,
        "User-Agent": AGENT,
        "Accept-Encoding": "gzip, deflate",
        "Connection": "close",
        **request.headers,
    }
    if request.body:
        headers["Content-Length"] = str(len(request.body))
    return h11.Request(
        method="POST" if request.body else "GET",
        target=request.url.target.encode("ascii"),
        headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()],
    )
