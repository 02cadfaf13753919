"""A scene whose model is called over HTTP: the real engine, guard, adapter and sockets, a scripted server, no real time."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.structs import replace

from codewhale.llm.connect import open_provider
from codewhale.llm.guard import Limits
from codewhale.llm.profiles import Dialect
from codewhale.llm.route import RouteWish, make_route
from codewhale.llm.scripted.script import parse_script
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.runtime.outside import Model
from codewhale.testing.chat_player import KEY
from codewhale.testing.manual_pace import ManualPace
from codewhale.testing.scene import Extras, Scene, scene

LIMITS = Limits(open_timeout=45.0)
_NOBODY = '[[reply]]\ntext = "Nobody asks here."\n'


class Served(Struct, frozen=True, kw_only=True):
    """The scene, the server that its model calls reach, and the time that passes for them."""

    scene: Scene
    server: ScriptedModel
    pace: ManualPace

    @property
    def names(self) -> dict[str, str]:
        """What differs from run to run in a log, and what to call it."""
        return {self.server.url.removesuffix("/v1").removeprefix("http://"): "<server>"}


@asynccontextmanager
async def served_scene(
    workspace: str,
    script: str,
    *,
    environ: Mapping[str, str],
    dialect: Dialect = "chat",
    pace: ManualPace | None = None,
    extras: Extras | None = None,
) -> AsyncGenerator[Served, None]:
    """A runtime whose every model is the server of `script`, spoken to in `dialect`."""
    pace = pace or ManualPace(at_once=True)
    async with ScriptedModel(parse_script(script, json=script.startswith("{"))) as server:
        route = make_route("local", RouteWish(base_url=server.url, model="m", api_key=KEY, dialect=dialect))
        provider = open_provider(route, LIMITS, pace.clock, pace=pace.pace)

        def models(model: str, _: str | None) -> Model:
            return Model(provider=provider, name=model)

        more = replace(extras or Extras(), models=models)
        async with scene(workspace, _NOBODY, environ=environ, extras=more) as stage:
            yield Served(scene=stage, server=server, pace=pace)
        await provider.close()
