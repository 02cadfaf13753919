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
    """The service that the person chose, with its key, or with the address of their own instance. `only`: those of
    the services that may be asked."""

    name: str = KEYLESS[0]
    key: str | None = None
    url: str | None = None
    only: tuple[str, ...] | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """Whom to ask, first one first."""
        all_of = (self.name, *(name for name in KEYLESS if name != self.name)) if self.name in KEYLESS else (self.name,)
        return all_of if self.only is None else tuple(name for name in all_of if name in self.only)

    def host(self, name: str) -> str:
        """Where one of the services lives; empty when its address cannot be used."""
        return HOSTS[name] or self._own()

    def _own(self) -> str:
        from codewhale.workspace.web.urls import parse_web_url  # noqa: PLC0415 - start-up: few have one of their own

        try:
            return parse_web_url(self.url or "", local=True).host.name
        except ToolError:
            return ""
