"""URLs as far as an HTTP client needs them. What may be shown never holds user, password or query."""

from msgspec import Struct

from codewhale.domain.errors import ConfigError

DEFAULT_PORTS = {"http": 80, "https": 443}


class Url(Struct, frozen=True, kw_only=True):
    """An absolute http(s) URL. `host` is lower case and without brackets, `target` is path and query, at least `/`."""

    scheme: str
    host: str
    port: int
    target: str
    userinfo: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must not change when credentials are sent along."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """The `Host` header: brackets around IPv6, the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def display(self) -> str:
        """Fit to be shown and logged: no user, no password, no query."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    @property
    def full(self) -> str:
        """As sent, without user and password."""
        return f"{self.scheme}://{self.authority}{self.target}"

    def with_target(self, target: str) -> "Url":
        return Url(scheme=self.scheme, host=self.host, port=self.port, target=target, userinfo=self.userinfo)


def parse_url(text: str) -> Url:
    """`ConfigError` when it is not an absolute http(s) URL; its message shows nothing that could be a secret."""
    scheme, separator, rest = text.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise _unusable("it must begin with https:// or http://")
    if not rest.isprintable() or " " in rest:
        raise _unusable("it holds spaces or control characters")
    rest = rest.partition("#")[0]
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, target = rest[:cut], rest[cut:]
    userinfo, _, place = authority.rpartition("@")
    host, port = _host_and_port(place, DEFAULT_PORTS[scheme])
    if not target.startswith("/"):
        target = "/" + target
    return Url(scheme=scheme, host=host, port=port, target=_quoted(target), userinfo=userinfo or None)


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine: `localhost`, `*.localhost`, 127.0.0.0/8, `::1`."""
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    numbers = host.split(".")
    return len(numbers) == 4 and numbers[0] == "127" and all(n.isdecimal() and int(n) < 256 for n in numbers)


def _host_and_port(place: str, default: int) -> tuple[str, int]:
    if place.startswith("["):
        host, bracket, tail = place[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise _unusable("the IPv6 address is not closed by ]")
        port = tail[1:]
    else:
        host, _, port = place.partition(":")
    if not host:
        raise _unusable("the host is missing")
    host = _name(host)
    if not port:
        return host.lower(), default
    if not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise _unusable("the port is not a number from 1 to 65535")
    return host.lower(), int(port)


def _name(host: str) -> str:
    """The host as it is looked up."""
    if ":" in host:
        return host
    if host.isascii():  # what the codec says of such names, without the tables that it loads
        *labels, last = host.split(".")
        if len(last) > 63 or not all(0 < len(label) < 64 for label in labels):
            raise _unusable("the host is not a name that there can be")
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _unusable("the host is not a name that there can be") from error


def _quoted(target: str) -> str:
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in target)


def _unusable(why: str) -> ConfigError:
    return ConfigError(f"The URL cannot be used: {why}.", hint="Write it like https://api.example.com/v1")
