"""Making a conversation smaller at the command line, taking that back, and what the model no longer sees."""

from contextlib import aclosing

from codewhale.domain.commands import StartedTurn
from codewhale.domain.errors import Conflict
from codewhale.domain.events import TurnCompleted
from codewhale.domain.left_out import LeftOut
from codewhale.domain.records import Item, Turn
from codewhale.runtime.client import Client

MOST_ROWS = 200
_WHY = {"summarized": "a summary stands for it", "pruned": "one line stands for its result"}


async def compacted(client: Client, thread_id: str, reason: str | None) -> str:
    """Summarise the conversation; what came of it, for a person."""
    after = (await client.snapshot(thread_id)).latest_seq
    return await _ended(client, await client.compact(thread_id, reason), after)


async def restored(client: Client, thread_id: str) -> str:
    """Take the last compaction back; what came of it, for a person."""
    after = (await client.snapshot(thread_id)).latest_seq
    return await _ended(client, await client.uncompact(thread_id), after)


async def _ended(client: Client, started: StartedTurn, after: int) -> str:
    turn = await _end_of(client, started, after)
    if turn.status != "completed":
        raise Conflict(turn.error or "The compaction did not end well.")
    items = (await client.snapshot(turn.thread_id)).items
    return _said(next(item for item in reversed(items) if item.turn_id == turn.id and item.compaction is not None))


async def _end_of(client: Client, started: StartedTurn, after: int) -> Turn:
    async with aclosing(client.events(started.thread.id, after=after)) as batches:
        async for batch in batches:
            for event in batch:
                if event.event == TurnCompleted.WIRE and event.turn_id == started.turn.id:
                    done = event.decode()
                    assert isinstance(done, TurnCompleted)
                    return done.turn
    raise Conflict("The stream of events ended before the compaction did.")


def _said(item: Item) -> str:
    done = item.compaction
    assert done is not None
    sizes = f"about {done.tokens_before:,} tokens before, {done.tokens_after:,} after"
    if done.act == "restored":
        return f"The last compaction was taken back: {sizes}.\n"
    return f"The conversation was summarised: {sizes}. `codewhale context uncompact` takes it back.\n"


def gone(report: LeftOut) -> str:
    """What the model no longer sees, as text."""
    if not report.items:
        return "Nothing was left out: the model sees all of this conversation.\n"
    lines = [f"{len(report.items)} items with {report.chars:,} characters are kept, and not sent to the model:", ""]
    for one in report.items[:MOST_ROWS]:
        ref = f"  [{one.ref}]" if one.ref else ""
        lines.append(f"- {one.chars:>9,}  {one.kind}: {one.what}{ref}")
    if len(report.items) > MOST_ROWS:
        lines.append(f"  … and {len(report.items) - MOST_ROWS} more (--json lists all)")
    kinds = {why: sum(one.why == why for one in report.items) for why in _WHY}
    lines += ["", *(f"{count} items: {_WHY[why]}" for why, count in kinds.items() if count)]
    if report.summary:
        lines += ["", *(f"+ {line}" for line in report.summary.splitlines())]
    return "\n".join(lines) + "\n"
