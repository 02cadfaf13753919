"""The runtime's one way to the web, from the settings: the person's rules, their search service, their authorities."""

from collections.abc import Callable

from codewhale.config.settings import Settings
from codewhale.domain.network import HostVerdict
from codewhale.workspace.web.service import SearchService
from codewhale.workspace.web.web import Web


def web_of(settings: Settings, audit: Callable[[str, str, HostVerdict], None]) -> Web:
    """Costs nothing until it is used. Every host that is asked for is told to `audit`."""
    search = settings.search
    service = SearchService(
        name=search.provider, key=search.api_key.reveal() if search.api_key is not None else None, url=search.url
    )
    return Web(settings.network, service, ca_file=settings.ca_file, audit=audit)
