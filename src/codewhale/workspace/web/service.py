"""Which search service is used, as a value: cheap to make, known before anything is looked for."""

from msgspec import Struct

from codewhale.domain.errors import ToolError

HOSTS = {
    "duckduckgo": "html.duckduckgo.com",
    "bing": "www.bing.com",
    "brave": "api.search.brave.com",
    "tavily": "api.tavily.com",
    "bocha": "api.bochaai.com",
    "searxng": "",
}
"""The services there are, and where they live; SearXNG is wherever the person runs it."""

KEYLESS = ("duckduckgo", "bing")
"""The services that anybody may ask; each stands in for the other."""


class SearchService(Struct, frozen=True, kw_only=True):
    """The service that the person chose, with its key, or with the address of their own instance."""

    name: str = KEYLESS[0]
    key: str | None = None
    url: str | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """Whom to ask, first one first."""
        return (self.name, *(name for name in KEYLESS if name != self.name)) if self.name in KEYLESS else (self.name,)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that a search may reach."""
        return tuple(HOSTS[name] or self._own() for name in self.services)

    def _own(self) -> str:
        from codewhale.workspace.web.urls import parse_web_url  # noqa: PLC0415 - start-up: few have one of their own

        try:
            return parse_web_url(self.url or "", local=True).host.name
        except ToolError:
            return ""
