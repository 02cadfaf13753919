"""What a provider's cache would have of a long conversation: sixty steps with tools, a restart and a compaction, sent to a
scripted model over real HTTP, and compared byte for byte. Also what the first request costs.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager

from benchmarks.measure import Place, Row
from codewhale.config.load import load
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.events import TurnCompleted
from codewhale.llm.scripted.script import parse_script
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.runtime.assembly import open_runtime
from codewhale.runtime.runtime import Runtime
from codewhale.testing.prefix import Share, shares, work_files, work_script

PARTS, STEPS = 6, 10
CHARS_PER_TOKEN = 4


def hits(where: Place) -> Iterator[Row]:
    """The share of input that a cache of prefixes has, and the first request's size. A conversation of n steps cannot have more
    than about 1 - 1/n of all its input from a cache, so the target is for what had been sent before."""
    folder = where.root / "prefix"
    folder.mkdir()
    work_files(folder, PARTS)
    environment = where.environment("", home="prefix-home") | {"DEEPSEEK_WORKSPACE": str(folder)}
    found = asyncio.run(_sent(environment))
    kept = [share for share in found if share.continues]
    seen = sum(share.hit for share in kept) / sum(share.before for share in kept)
    yield Row("prefix: hits, of input sent before", "%", 100 * seen, target=">= 98")
    yield Row("prefix: hits, of all input, what is new too", "%", 100 * _share(kept))
    yield Row("prefix: the same, declared resets too", "%", 100 * _share(found))
    yield Row("prefix: declared resets", "of " + str(len(found)), len(found) - len(kept) - 1)
    yield Row("prefix: first request", "tokens", found[0].total / CHARS_PER_TOKEN, target="<= 6000")


def _share(found: list[Share]) -> float:
    return sum(share.hit for share in found) / sum(share.total for share in found)


async def _sent(environment: dict[str, str]) -> list[Share]:
    async with ScriptedModel(parse_script(work_script(PARTS, STEPS, search_in=2))) as model:
        environment["DEEPSEEK_BASE_URL"] = model.url
        async with _runtime(environment) as runtime:
            thread = await runtime.create_thread(NewThread(allow_shell=True, auto_approve=True))
            for part in (1, 2, 3):
                await _part(runtime, thread.id, part)
        async with _runtime(environment) as runtime:
            await _part(runtime, thread.id, 4)
            await _ended(runtime, thread.id, (await runtime.compact(thread.id)).turn.id)
            for part in (5, 6):
                await _part(runtime, thread.id, part)
        return shares([bytes(one.body) for one in model.requests if not isinstance(one.body, str)])


@asynccontextmanager
async def _runtime(environment: dict[str, str]) -> AsyncGenerator[Runtime]:
    async with open_runtime(load(environ=environment)) as runtime:
        yield runtime


async def _part(runtime: Runtime, thread_id: str, part: int) -> None:
    started = await runtime.start_turn(thread_id, TurnInput(prompt=f"Part {part}. Go on."))
    await _ended(runtime, thread_id, started.turn.id)


async def _ended(runtime: Runtime, thread_id: str, turn_id: str) -> None:
    async with aclosing(runtime.events(thread_id)) as batches:
        async for batch in batches:
            if any(event.event == TurnCompleted.WIRE and event.turn_id == turn_id for event in batch):
                return
