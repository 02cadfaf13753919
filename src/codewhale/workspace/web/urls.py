"""URLs for the web tools: absolute http(s), with nothing in them that two readers could take for different hosts. Pure."""

from msgspec import Struct

from codewhale.workspace.web.hosts import Host, canonical_host, refused

PORTS = {"http": 80, "https": 443}
MAX_URL = 8192


class WebUrl(Struct, frozen=True, kw_only=True):
    """An absolute URL without user, password and fragment. `target` is path and query, at least `/`, in ASCII."""

    scheme: str
    host: Host
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The `Host` header."""
        return self.host.authority(self.port, PORTS[self.scheme])

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_web_url(text: str, *, local: bool = False) -> WebUrl:
    """`ToolError` when it is not an absolute http(s) URL, or one that could be read in two ways. `local`: see
    `canonical_host`."""
    if len(text) > MAX_URL:
        raise refused(f"it is longer than {MAX_URL} characters")
    if not text.isprintable() or any(c.isspace() for c in text):
        raise refused("it holds spaces or control characters")
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        raise refused("only http:// and https:// are known")
    if "@" in rest.partition("/")[0]:
        raise refused("it names a user, or hides its host behind an @")
    whole = rest.partition("#")[0]
    cut = min((at for at in (whole.find("/"), whole.find("?")) if at >= 0), default=len(whole))
    host, port = _place(whole[:cut], PORTS[scheme], local=local)
    target = whole[cut:]
    return WebUrl(
        scheme=scheme, host=host, port=port, target=_quoted(target if target.startswith("/") else f"/{target}")
    )


def joined(base: WebUrl, location: str) -> WebUrl:
    """Where a redirect of `base` leads."""
    from urllib.parse import urljoin  # noqa: PLC0415 - start-up: only where a server redirects

    try:
        return parse_web_url(urljoin(str(base), _quoted(location.strip())))
    except ValueError:
        raise refused("the redirect leads to no valid address") from None


def port_number(text: str) -> int:
    """A port written as a plain decimal number."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536):
        raise refused("the port is not a number from 1 to 65535")
    return int(text)


def _place(place: str, default: int, *, local: bool) -> tuple[Host, int]:
    cut = place.rfind(":")
    if cut < 0 or place.endswith("]"):
        return canonical_host(place, local=local), default
    return canonical_host(place[:cut], local=local), port_number(place[cut + 1 :]) if place[cut + 1 :] else default


def _quoted(target: str) -> str:
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode(errors="replace")) for c in target)
