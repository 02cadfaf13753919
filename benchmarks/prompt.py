"""What the first request of a thread costs before the person has said anything: the system text and the tools, part by part.

A token is four characters here, as everywhere where nobody counts exactly.
"""

import asyncio
from collections.abc import Iterator

import msgspec

from benchmarks.measure import Place, Row
from codewhale.domain.messages import ModelRequest
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import MODEL, scene
from codewhale.tools.registry import every_spec

CHARS_PER_TOKEN = 4
BUDGET = 6000
SCRIPT = '[[reply]]\ntext = "Hello."\n'


def first_request(where: Place) -> Iterator[Row]:
    """The request that a real turn makes, taken apart; and what all tools would cost."""
    request = asyncio.run(_asked(str(where.workspace)))
    parts = {"system text": len(request.system)}
    parts |= {tool.name: len(msgspec.json.encode(tool)) for tool in request.tools}
    total = sum(parts.values())
    for name, size in sorted(parts.items(), key=lambda part: -part[1]):
        yield Row(f"prompt: {name} ({size / total:.0%})", "tokens", size / CHARS_PER_TOKEN)
    yield Row("prompt: first request", "tokens", total / CHARS_PER_TOKEN, target=f"<= {BUDGET}")
    every = sum(len(msgspec.json.encode(tool)) for tool in every_spec())
    yield Row(f"prompt: all {len(every_spec())} tools, if they were in it", "tokens", every / CHARS_PER_TOKEN)


async def _asked(folder: str) -> ModelRequest:
    defaults = Defaults(model=MODEL, workspace=folder, allow_shell=True)
    async with scene(folder, SCRIPT, environ={}, defaults=defaults) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "hello")
        return stage.provider.requests[0]
