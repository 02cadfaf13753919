"""Which hosts may be reached on the model's behalf: the person's rules, and the verdict on one canonical host name. Pure.

A deny wins over everything. Nothing in here says that an address is safe: internal addresses are refused elsewhere, always.
"""

from typing import Literal

from msgspec import Struct

HostVerdict = Literal["allow", "prompt", "deny"]


class NetworkPolicy(Struct, frozen=True, kw_only=True):
    """`allow`, `deny` and `proxy` are canonical host names; one that begins with a dot means all subdomains and not the name
    itself. `default` is for hosts in no list. `proxy` has the hosts whose names a local tunnel may answer with placeholder
    addresses (198.18.0.0/15). With `audit` every verdict is written down."""

    default: HostVerdict = "prompt"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    proxy: tuple[str, ...] = ()
    audit: bool = True


OPEN = NetworkPolicy(default="allow")
"""What holds where the person has written no rules: every public host."""


def host_verdict(policy: NetworkPolicy, host: str) -> tuple[HostVerdict, str]:
    """The verdict on a canonical host name, and the rule that gave it."""
    lists: tuple[tuple[HostVerdict, tuple[str, ...]], ...] = (("deny", policy.deny), ("allow", policy.allow))
    for verdict, rules in lists:
        rule = next((rule for rule in rules if covers(rule, host)), None)
        if rule is not None:
            return verdict, f"network.{verdict} {rule}"
    return policy.default, "network.default"


class Reach(Struct, frozen=True, kw_only=True):
    """A host that a call would reach, what the policy says of it, and by which rule."""

    host: str
    verdict: HostVerdict
    rule: str


def covers(rule: str, host: str) -> bool:
    """Whether the rule means this host: `.example.com` its subdomains only, anything else exactly itself."""
    return len(host) > len(rule) and host.endswith(rule) if rule.startswith(".") else host == rule
