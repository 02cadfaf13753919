"""The web as tools see it: fetch and search, within the person's rules. Made at start for nothing; what it needs is imported
and opened with the first use.
"""

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.domain.network import OPEN, NetworkPolicy, Reach, host_verdict
from codewhale.workspace.web.service import SearchService

if TYPE_CHECKING:
    import ssl

    from codewhale.workspace.web.dial import Audit, Dialer
    from codewhale.workspace.web.exchange import WebAnswer
    from codewhale.workspace.web.search import Found


class Web:
    """The one way out for tools of a runtime."""

    def __init__(
        self,
        policy: NetworkPolicy = OPEN,
        service: SearchService | None = None,
        *,
        ca_file: str | None = None,
        audit: "Audit | None" = None,
        dialer: "Dialer | None" = None,
    ) -> None:
        """`ca_file` replaces the system's authorities; it is the person's, never a project's."""
        self.policy = policy
        self.service = service or SearchService()
        self._ca_file = ca_file
        self._audit = audit
        self._dialer = dialer
        self._tls: ssl.SSLContext | None = None

    def reach(self, host: str) -> Reach:
        """What the policy says of a canonical host."""
        verdict, rule = host_verdict(self.policy, host)
        return Reach(host=host, verdict=verdict, rule=rule)

    def search_hosts(self) -> dict[str, str]:
        """Whom a search asks, and where: those that the policy allows, else those that it asks about, else all of them."""
        places = {name: self.service.host(name) for name in self.service.services}
        for verdict in ("allow", "prompt"):
            kept = {name: host for name, host in places.items() if self.reach(host).verdict == verdict}
            if kept:
                return kept
        return places

    def dialer(self) -> "Dialer":
        """What opens connections within the policy; also for the proxy of a sandbox."""
        if self._dialer is None:
            from codewhale.workspace.web.dial import Dialer  # noqa: PLC0415 - start-up

            self._dialer = Dialer(self.policy, audit=self._audit)
        return self._dialer

    async def fetch(self, url: str, *, max_bytes: int, seconds: float) -> "WebAnswer":
        """What is at `url`, which a person or the gate has let this call reach. `ToolError` when it cannot be had in `seconds`
        or leads where the policy does not."""
        from codewhale.workspace.web import exchange  # noqa: PLC0415 - start-up
        from codewhale.workspace.web.dial import Asked  # noqa: PLC0415
        from codewhale.workspace.web.urls import parse_web_url  # noqa: PLC0415

        wanted = parse_web_url(url)
        asked = Asked(by="fetch_url", cleared=frozenset({wanted.host.name}))
        accept = {"Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.9,*/*;q=0.5"}
        request = exchange.WebRequest(url=wanted, max_bytes=max_bytes, headers=accept)
        try:
            async with asyncio.timeout(seconds):
                return await exchange.fetch(self.dialer(), request, asked, await self._authorities())
        except TimeoutError:
            raise ToolError(f"No whole answer from {wanted.host.name} in {seconds:g} s.", category="timeout") from None

    async def search(self, text: str, *, count: int, seconds: float) -> "Found":
        """At most `count` results of the person's search service, within `seconds`."""
        from codewhale.workspace.web import search  # noqa: PLC0415 - start-up

        try:
            async with asyncio.timeout(seconds):
                return await search.search(self.dialer(), self._chosen(), text, count, await self._authorities())
        except TimeoutError:
            raise ToolError(f"No answer from {self.service.name} in {seconds:g} s.", category="timeout") from None

    def _chosen(self) -> SearchService:
        return replace(self.service, only=tuple(self.search_hosts()))

    async def _authorities(self) -> "ssl.SSLContext":
        if self._tls is None:
            self._tls = await asyncio.to_thread(_tls_context, self._ca_file)
        return self._tls


NOWHERE = Web(NetworkPolicy(default="deny"))
"""Where tools are on their own: no host may be reached."""


def _tls_context(ca_file: str | None) -> "ssl.SSLContext":
    """TLS 1.2 or newer, certificate and host name checked."""
    import ssl  # noqa: PLC0415 - start-up

    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ToolError(f"The certificate authorities in {ca_file} cannot be read: {error}.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
