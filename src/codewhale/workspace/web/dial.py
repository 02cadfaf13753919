"""The one way out: verdict on the host, one resolution, every address judged, and a connection to a judged address.

Between the check and the connection nothing is resolved again, so a name that changes its mind changes nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.network import HostVerdict, NetworkPolicy, covers, host_verdict
from codewhale.workspace.web.addresses import address_problem, is_placeholder
from codewhale.workspace.web.hosts import Host

CONNECT_SECONDS = 10.0
MAX_ADDRESSES = 4
BUFFER = 64 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host name, port) to its addresses, best first; `OSError` when there are none."""

Audit = Callable[[str, str, HostVerdict], None]
"""Writes down (host, what wanted it, verdict). It must not raise or block."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Asked(Struct, frozen=True, kw_only=True):
    """Who wants out (`by`, for the audit), and the hosts that a person has just allowed for this one call."""

    by: str
    cleared: frozenset[str] = frozenset()


class Dialer:
    """Opens connections for the model. `problem` says why an address is refused; there is no setting for it."""

    def __init__(
        self,
        policy: NetworkPolicy,
        *,
        audit: Audit | None = None,
        resolve: Resolve | None = None,
        problem: Callable[[str], str | None] = address_problem,
    ) -> None:
        self._policy = policy
        self._audit = audit
        self._resolve = resolve or system_resolve
        self._problem = problem

    async def open(self, host: Host, port: int, asked: Asked, tls: ssl.SSLContext | None = None) -> Streams:
        """A connection to one of the host's public addresses; with `tls`, to the name itself. `ToolError` when it may not or
        cannot be had."""
        self.admit(host, asked)
        addresses = await self._addresses(host, port)
        failures: list[str] = []
        for address in addresses[:MAX_ADDRESSES]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(
                        address, port, limit=BUFFER, ssl=tls, server_hostname=host.name if tls is not None else None
                    )
            except TimeoutError:
                failures.append(f"{address} did not answer in {CONNECT_SECONDS:g} s")
            except ssl.SSLCertVerificationError as error:
                raise ToolError(f"The certificate of {host.name} was not accepted: {error.verify_message}.") from error
            except (OSError, ValueError) as error:
                failures.append(f"{address}: {getattr(error, 'strerror', None) or error}")
        raise ToolError(f"No connection to {host.name}, port {port}: {'; '.join(failures)}.")

    def to_configured(self) -> "Dialer":
        """The same, for an address that the person wrote into the settings: it may be on this machine or its network."""
        return Dialer(self._policy, audit=self._audit, resolve=self._resolve, problem=lambda _: None)

    def admit(self, host: Host, asked: Asked) -> None:
        """Returns when the policy lets this host be reached by this caller, else `ToolError`; either is written down."""
        verdict, rule = host_verdict(self._policy, host.name)
        if verdict == "prompt" and host.name in asked.cleared:
            verdict, rule = "allow", "approved"
        if self._audit is not None and self._policy.audit:
            self._audit(host.name, asked.by, verdict)
        if verdict == "deny":
            raise ToolError(
                f"The network policy does not allow {host.name} ({rule}). Only the person can change that.",
                category="permission_denied",
            )
        if verdict == "prompt":
            raise ToolError(
                f"{host.name} is not among the hosts that may be reached without asking ({rule}). Ask for it by a fetch_url "
                "call of its own, or tell the person to add it to network.allow.",
                category="permission_denied",
            )

    async def _addresses(self, host: Host, port: int) -> Sequence[str]:
        """Every address of the host; one that may not be connected to spoils all."""
        if host.literal:
            found: Sequence[str] = (host.name,)
        else:
            try:
                found = tuple(dict.fromkeys(await self._resolve(host.name, port)))
            except (OSError, UnicodeError) as error:
                why = getattr(error, "strerror", None) or error
                raise ToolError(f"The name {host.name} could not be resolved: {why}.") from error
        tunnelled = any(covers(rule, host.name) for rule in self._policy.proxy)
        for address in found:
            problem = self._problem(address)
            if problem is not None and not (tunnelled and is_placeholder(address)):
                where = f"The address {address}" if host.literal else f"{host.name} has the address {address}, and it"
                raise ToolError(
                    f"{where} is {problem}. Only public hosts can be reached.", category="permission_denied"
                )
        if not found:
            raise ToolError(f"The name {host.name} has no address.")
        return found


async def system_resolve(name: str, port: int) -> Sequence[str]:
    """The system's resolver, asked once."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(where[0]) for _, _, _, _, where in found]
