"""A whole product for tests: a person's home, a workspace, a scripted model over real HTTP, and the runtime put together as
the commands do it, from settings.

async with home(tmp_path, script) as place:
events = await place.say("hello")
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from codewhale.config.layers import Layer
from codewhale.config.load import Overrides, load
from codewhale.config.settings import Settings
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.events import ApprovalRequired, Event, TurnCompleted
from codewhale.domain.records import Thread
from codewhale.domain.requests import ApprovalDecision
from codewhale.llm.scripted.script import parse_script
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.runtime.assembly import open_runtime
from codewhale.runtime.runtime import Runtime

BOUND = 30.0


class Home(Struct, frozen=True, kw_only=True):
    """What a test may use."""

    settings: Settings
    runtime: Runtime
    model: ScriptedModel

    async def say(
        self,
        prompt: str,
        new: NewThread | None = None,
        *,
        thread: Thread | None = None,
        answer: ApprovalDecision = "deny",
    ) -> list[Event]:
        """Run a turn in a new thread (or in `thread`) to its end and give its events; approvals get `answer`."""
        thread = thread or await self.runtime.create_thread(new or NewThread())
        started = await self.runtime.start_turn(thread.id, TurnInput(prompt=prompt))
        found: list[Event] = []
        async with asyncio.timeout(BOUND), aclosing(self.runtime.events(thread.id)) as batches:
            async for batch in batches:
                for event in batch:
                    if event.turn_id != started.turn.id:
                        continue
                    found.append(event)
                    if event.event == ApprovalRequired.WIRE and not _settled(batch, event):
                        payload = event.decode()
                        assert isinstance(payload, ApprovalRequired)
                        await self.runtime.decide(payload.id, answer)
                    if event.event == TurnCompleted.WIRE:
                        return found
        raise AssertionError("a stream of events does not end")


def _settled(batch: list[Event], asked: Event) -> bool:
    """Whether the runtime answered by itself: both events are one append."""
    return any(e.seq == asked.seq + 1 and e.event == "approval.decided" for e in batch)


@asynccontextmanager
async def home(
    top: Path, script: str, *, config: str = "", environ: dict[str, str] | None = None
) -> AsyncGenerator[Home, None]:
    """The product over `top/home` and `top/work`, which are made where they are missing. `config` is the settings file, `script`
    is TOML or JSON."""
    place, workspace = top / "home", top / "work"
    place.mkdir(exist_ok=True)
    workspace.mkdir(exist_ok=True)
    (place / "config.toml").write_text(config)
    async with ScriptedModel(parse_script(script, json=script.startswith("{"))) as model:
        settings = settings_at(top, model.url, environ)
        async with open_runtime(settings, what="test") as runtime:
            yield Home(settings=settings, runtime=runtime, model=model)


def settings_at(top: Path, url: str, environ: dict[str, str] | None = None) -> Settings:
    """The settings of that home, with the model at `url`."""
    layer = Layer(provider="scripted", model="scripted", base_url=url, workspace=str(top / "work"), allow_shell=True)
    given = {"CODEWHALE_HOME": str(top / "home"), "HOME": str(top / "home"), "PATH": os.defpath, **(environ or {})}
    return load(Overrides(layer=layer), environ=given)
