"""A scripted model that reads many files one after the other, for tests of what happens as its window fills; and the check that
each of its requests is what the log gives, folded anew up to there."""

import os
from collections.abc import AsyncIterator, Mapping

from codewhale.context.conversation import messages
from codewhale.context.estimate import CHARS_PER_TOKEN, PERCENT, measured
from codewhale.domain.errors import ProviderError
from codewhale.domain.events import Event, StepCompleted
from codewhale.domain.fold import ThreadView, apply
from codewhale.domain.messages import ModelEvent, ModelRequest, UserMessage
from codewhale.testing.scene import scene
from codewhale.testing.scripted_provider import ScriptedProvider

ASKED = "Stop working on the task"
"""How the request for a summary begins."""
LOST = "I do not know where I was."


def write_files(folder: str, count: int, rows: int = 150) -> None:
    """Files of about `rows` times 30 characters, each of which says which one it is."""
    for number in range(count):
        with open(os.path.join(folder, f"part{number}.txt"), "w", encoding="utf-8") as file:
            file.write("".join(f"part {number}: row {row} of {rows}\n" for row in range(rows)))


def script(count: int, summary: str = 'text = "It reads the parts."', before: str = "") -> str:
    """Reads part 0 to `count` - 1 when told to `begin`, then says that it is done. `summary` is the reply to the request for
    one, `before` are turns that come first."""
    turns = [before, _turn(f'contains = "{ASKED}"', summary)]
    for number in range(count):
        last = number == count - 1
        reply = 'text = "All parts are read."' if last else _read(number + 1)
        turns.append(_turn(f'result_contains = "part {number}: row"', reply))
    turns.append(_turn('contains = "again"', 'text = "Here I am."'))
    turns.append(_turn('contains = "Summary of the conversation so far"', f'text = "{LOST}"'))
    turns.append(_turn('contains = "begin"', _read(0)))
    return "\n".join(turns)


def _turn(when: str, reply: str) -> str:
    return f'[[turn]]\nwhen = {{ {when} }}\n[[turn.reply]]\nusage = "none"\n{reply}\n'


def _read(number: int) -> str:
    arguments = f'{{ path = "part{number}.txt" }}'
    return f'calls = [{{ id = "call_{number}", tool = "read_file", arguments = {arguments} }}]'


class Narrow:
    """A provider over another one that refuses what is longer than `chars`; `requests` holds what was asked, refused or not."""

    name = "narrow"

    def __init__(self, inner: ScriptedProvider, chars: int) -> None:
        self.requests: list[ModelRequest] = []
        self._inner = inner
        self._chars = chars

    def refuse_beyond(self, chars: int) -> None:
        """From here on the window is of so many characters."""
        self._chars = chars

    async def close(self) -> None:
        """Nothing is open."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """The answer, or `ProviderError` of the category `context_length`."""
        self.requests.append(request)
        if measured(request.system, request.tools, request.messages).whole > self._chars:
            raise ProviderError("This model's maximum context length was exceeded.", category="context_length")
        async for event in self._inner.stream(request):
            yield event


async def window_beside_header(folder: str, environ: Mapping[str, str], chars: int) -> int:
    """A window, in tokens, in which messages of so many characters reach the usual threshold, whatever requests begin with."""
    async with scene(folder, script(1), environ=environ) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "again")
        first = stage.provider.requests[0]
    header = measured(first.system, first.tools, ()).header
    return (header + chars) // CHARS_PER_TOKEN * 100 // PERCENT


def asks_for_summary(request: ModelRequest) -> bool:
    """Whether the request is the one that a compaction makes."""
    last = request.messages[-1]
    return isinstance(last, UserMessage) and last.text.startswith(ASKED)


def unfolded(log: list[Event], requests: list[ModelRequest]) -> list[int]:
    """The numbers of requests that are not what the log gives, folded up to there: none, if all is well. Requests for a
    summary are left out: those may be shortened."""
    wrong: list[int] = []
    view = ThreadView()
    number = 0
    for event in log:
        payload = event.decode()
        if isinstance(payload, StepCompleted):
            request = requests[number]
            answer = (event.turn_id, payload.step)
            known = [
                item
                for item in view.items.values()
                if item.kind == "context_compaction" or (item.turn_id, item.step) != answer
            ]
            if not asks_for_summary(request) and messages(known) != list(request.messages):
                wrong.append(number)
            number += 1
        apply(view, event)
    assert number == len(requests)
    return wrong
