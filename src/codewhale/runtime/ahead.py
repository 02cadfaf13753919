"""What can begin before a runtime is opened, while modules load and the log is read."""

from codewhale.config.routes import model_route
from codewhale.config.settings import Settings
from codewhale.llm.transport.tls import prepare


def begin_calls(settings: Settings) -> None:
    """The first call will go to the active route: make ready what takes time. `ConfigError` when it could not be made."""
    route = model_route(settings)
    if route.url.scheme == "https" and route.proxy is None:
        prepare(route.ca_file)
