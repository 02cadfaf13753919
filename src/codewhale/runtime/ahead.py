"""What can begin before a runtime is opened, while modules load and the log is read."""

from codewhale.config.routes import model_route
from codewhale.config.settings import Settings
from codewhale.llm.route import NoKey
from codewhale.llm.transport.tls import prepare


def begin_calls(settings: Settings) -> None:
    """The first call will go to the active route: make ready what takes time. `ConfigError` when it could not be made."""
    route = model_route(settings)
    if route.url.scheme == "https" and route.proxy is None:
        prepare(route.ca_file)


async def ready_calls(settings: Settings) -> None:
    """`begin_calls`; where there is no key, the error offers the model servers that are found running on this machine."""
    try:
        begin_calls(settings)
    except NoKey as error:
        from codewhale.runtime.model_listing import local_servers, offer  # noqa: PLC0415 - start-up: only on failure

        offered = offer(await local_servers(settings))
        if offered is None:
            raise
        raise NoKey(error.message, hint=f"{error.hint} {offered}") from None
