"""`[network]` of a settings file: where the web tools and sandboxed commands may go.

A rule that cannot be used is fatal: leaving out a `deny` would allow what was forbidden.
"""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.errors import ConfigError, ToolError
from codewhale.domain.network import HostVerdict, NetworkPolicy

Text = Annotated[str, Meta(min_length=1)]


class NetworkKeys(Struct, frozen=True, kw_only=True):
    """`[network]`."""

    default: HostVerdict | None = None
    allow: tuple[Text, ...] = ()
    deny: tuple[Text, ...] = ()
    proxy: tuple[Text, ...] = ()
    audit: bool | None = None


def network_policy(keys: NetworkKeys | None, path: str) -> NetworkPolicy | None:
    """The rules of the file; None where it has no `[network]`. `ConfigError` for a rule that cannot be used."""
    if keys is None:
        return None
    return NetworkPolicy(
        default=keys.default or "prompt",
        allow=_rules(keys.allow, f"{path}: network.allow"),
        deny=_rules(keys.deny, f"{path}: network.deny"),
        proxy=_rules(keys.proxy, f"{path}: network.proxy"),
        audit=keys.audit is not False,
    )


def _rules(texts: tuple[str, ...], where: str) -> tuple[str, ...]:
    from codewhale.workspace.web.hosts import canonical_rule  # noqa: PLC0415 - start-up: only where there are rules

    rules: list[str] = []
    for text in texts:
        try:
            rules.append(canonical_rule(text))
        except ToolError as error:
            raise ConfigError(
                f"{where}: {text!r} cannot be used: {error.message.partition(': ')[2]}",
                hint="write a host like docs.example.com, or .example.com for its subdomains",
            ) from error
    return tuple(rules)
