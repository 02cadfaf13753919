"""Which IP addresses may be connected to: those of the public Internet, and no other. Pure.

An address that carries another one (mapped, 6to4, NAT64, Teredo) is judged by what it carries as well.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_V4: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier (CGNAT)"),
    ("127.0.0.0/8", "this machine"),
    ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved (class E)"),
    ("168.63.129.16/32", "a cloud's metadata service"),
)
_V6: tuple[tuple[str, str], ...] = (
    ("::1/128", "this machine"),
    ("::/128", "this machine"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("2001:2::/48", "for benchmarks"),
    ("2001:10::/28", "reserved"),
    ("2001:20::/28", "reserved"),
    ("64:ff9b:1::/48", "translated to a private network"),
)
_RANGES: tuple[tuple[IPv4Network | IPv6Network, str], ...] = (
    *((IPv4Network(net), why) for net, why in _V4),
    *((IPv6Network(net), why) for net, why in _V6),
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_PLACEHOLDERS = IPv4Network("198.18.0.0/15")


def address_problem(text: str) -> str | None:
    """Why this address may not be connected to, in words that fit after "it is"; None when it may."""
    try:
        address = ip_address(text)
    except ValueError:
        return "not an address"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "an address of one network link"
    return next((why for one in (address, *_carried(address)) if (why := _problem(one))), None)


def is_placeholder(text: str) -> bool:
    """Whether a local tunnel uses such addresses in place of the real ones."""
    try:
        return ip_address(text) in _PLACEHOLDERS
    except ValueError:
        return False


def _problem(address: Address) -> str | None:
    for network, why in _RANGES:
        if address.version == network.version and address in network:
            return why
    if isinstance(address, IPv4Address):
        return None if address.is_global else "not public"
    if address in _NAT64 or address.ipv4_mapped is not None:
        return None  # judged by the address inside
    return (
        None if address in _GLOBAL_V6 and (address.is_global or address.sixtofour or address.teredo) else "not public"
    )


def _carried(address: Address) -> list[Address]:
    """The IPv4 addresses inside an IPv6 one."""
    if isinstance(address, IPv4Address):
        return []
    inside: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    inside += address.teredo or ()
    if address in _NAT64:
        inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if (int(address) >> 32) & 0xFFFFFFFF in (0x5EFE, 0x0200_5EFE):  # ISATAP
        inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return inside
