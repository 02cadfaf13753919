"""A scripted model over HTTP and a real provider that talks to it: the whole path of a model call, for tests."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from codewhale.llm.connect import open_provider
from codewhale.llm.guard import GuardedProvider, Limits
from codewhale.llm.profiles import Dialect
from codewhale.llm.route import RouteWish, make_route
from codewhale.llm.scripted.script import parse_script
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.testing.chat_player import KEY, Waits


@asynccontextmanager
async def scripted_serving(
    script: str, limits: Limits | None = None, waits: Waits | None = None, *, dialect: Dialect = "chat"
) -> AsyncGenerator[tuple[ScriptedModel, GuardedProvider]]:
    """The server of a TOML script and a provider to it, closed in the end. Without `limits` nothing is retried."""
    async with ScriptedModel(parse_script(script)) as server:
        route = make_route("local", RouteWish(base_url=server.url, model="m", api_key=KEY, dialect=dialect))
        waits = waits or Waits()
        provider = open_provider(route, limits or Limits(retries=0), waits.clock, pace=waits.pace)
        yield server, provider
        await provider.close()
