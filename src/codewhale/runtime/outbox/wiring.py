"""The sinks of the settings as ways to deliver, for the process that owns the log."""

import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from codewhale.config.dotenv import all_variables
from codewhale.config.environment import given
from codewhale.config.routes import proxy_for
from codewhale.config.settings import Settings
from codewhale.domain.hooks import Sink
from codewhale.runtime.group import task_group
from codewhale.runtime.outbox.deliveries import Deliver, to_address, to_file, to_stdout
from codewhale.runtime.outbox.outbox import Outbox
from codewhale.store.port import Store
from codewhale.work.port import TimeoutWaiter


@asynccontextmanager
async def delivering(settings: Settings, store: Store, *, serving: bool) -> AsyncGenerator[None, None]:
    """Deliver events as long as this is entered, and what is left for a moment after. The events of a sink whose key is not
    set wait in the log, and that is said."""
    outbox = _outbox(settings, store, serving=serving)
    if outbox is None:
        yield
        return
    async with task_group() as group:
        group.create_task(outbox.follow())
        try:
            yield
        finally:
            outbox.close()


def _outbox(settings: Settings, store: Store, *, serving: bool) -> Outbox | None:
    """None when no sink is set. Standard output belongs to whoever reads a one-shot command's answer, so events go there only
    where codewhale serves."""
    sinks = [sink for sink in settings.hooks.sinks if settings.hooks.enabled and (serving or sink.kind != "stdout")]
    if not sinks:
        return None
    return Outbox(
        {sink: _delivery(sink, settings) for sink in sinks},
        os.path.join(settings.runtime_dir, "outbox"),
        store,
        TimeoutWaiter(),
        _say,
    )


def unsigned(sink: Sink) -> str | None:
    """Why nothing can be delivered to a sink that wants its events signed."""
    if not sink.secret_env or given(all_variables(), sink.secret_env) is not None:
        return None
    return f"{sink.secret_env} is not set, so nothing can be signed; its events wait until it is"


def _delivery(sink: Sink, settings: Settings) -> Deliver | None:
    if sink.kind == "stdout":
        return to_stdout
    if sink.kind == "jsonl":
        return to_file(sink.target)
    if (missing := unsigned(sink)) is not None:
        _say(f"{sink.kind} {sink.target}: {missing}")
        return None
    key = given(all_variables(), sink.secret_env) if sink.secret_env else None
    from codewhale.llm.connect import open_transport  # noqa: PLC0415 - only for sinks that are addresses

    transport = open_transport(proxy_for(settings, sink.target), settings.ca_file)
    return to_address(sink.target, key.encode() if key else None, transport, lambda: int(time.time()))


def _say(line: str) -> None:
    sys.stderr.write(f"codewhale: {line}\n")
