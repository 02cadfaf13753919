"""One spelling for every host: what the rules compare, what is resolved and what is connected to are the same text.

Whatever two programs could read differently (other forms of IPv4, zone ids, trailing dots, escapes, control characters) is
refused rather than translated.
"""

import re

from msgspec import Struct

from codewhale.domain.errors import ToolError

MAX_NAME = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
_OCTET = re.compile(r"(?:0|[1-9][0-9]{0,2})\Z")
_LOCAL = (".localhost", ".local", ".internal", ".home.arpa", ".localdomain")


class Host(Struct, frozen=True):
    """A canonical host: a lower-case ASCII name, or an address (`literal`) without brackets."""

    name: str
    literal: bool

    def authority(self, port: int, default: int) -> str:
        """The `Host` header: brackets around IPv6, the port only when it is not the scheme's own."""
        place = f"[{self.name}]" if ":" in self.name else self.name
        return place if port == default else f"{place}:{port}"


def canonical_host(text: str, *, local: bool = False) -> Host:
    """The host that `text` means; IPv6 stands in brackets, as in a URL. `ToolError` when it may not or cannot be used. `local`
    is for hosts that the person configured: names of this machine may stand there."""
    if not text:
        raise refused("the host is missing")
    if text.startswith("[") or text.endswith("]"):
        return Host(_ipv6(text), literal=True)
    if not text.isprintable() or any(c in text for c in ' %\\/?#@:[]<>^|"'):
        raise refused("the host holds a character that no host name has")
    name = text.lower() if text.isascii() else _idna(text)
    if name.endswith("."):
        raise refused("the host ends with a dot")
    if _NUMBER.match(name.rpartition(".")[2]):
        return Host(_ipv4(name), literal=True)
    if len(name) > MAX_NAME or not all(_LABEL.match(label) for label in name.split(".")):
        raise refused("it is not a valid host name")
    if not local and (name == "localhost" or name.endswith(_LOCAL)):
        raise refused(f"{name} is a name of this machine or its network", category="permission_denied")
    return Host(name, literal=False)


def canonical_rule(text: str) -> str:
    """A rule of the network policy in canonical form: a host, or `.host` (also written `*.host`) for its subdomains."""
    wide = text.startswith((".", "*."))
    host = canonical_host(text.removeprefix("*").removeprefix(".") if wide else text)
    if wide and host.literal:
        raise refused("an address has no subdomains")
    return f".{host.name}" if wide else host.name


def refused(why: str, *, category: str = "invalid_input") -> ToolError:
    """The error for an address that is not gone to."""
    known = "permission_denied" if category == "permission_denied" else "invalid_input"
    return ToolError(f"This address is not used: {why}.", category=known)


def _ipv4(name: str) -> str:
    """Four decimal numbers without leading zeros, the one form that every program reads alike."""
    parts = name.split(".")
    if len(parts) != 4 or not all(_OCTET.match(part) and int(part) < 256 for part in parts):
        raise refused("an IPv4 address must be written as four plain decimal numbers")
    return name


def _ipv6(text: str) -> str:
    import ipaddress  # noqa: PLC0415 - start-up: only where an address is written out

    inner = text[1:-1]
    if not (text.startswith("[") and text.endswith("]")) or "%" in inner:
        raise refused("an IPv6 address stands in brackets and has no zone")
    try:
        return str(ipaddress.IPv6Address(inner))
    except ValueError:
        raise refused("it is not a valid IPv6 address") from None


def _idna(text: str) -> str:
    import idna  # noqa: PLC0415 - start-up: few hosts are not ASCII

    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise refused("it is not a valid international host name") from None
