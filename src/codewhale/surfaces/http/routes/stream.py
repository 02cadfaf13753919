"""A turn on an archived thread of its own, answered as one stream (runtime-contract §3.6)."""

import msgspec

from codewhale.domain.commands import NewThread, StartedTurn, TurnInput
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, with_body
from codewhale.surfaces.http.exchange import Call, Stream
from codewhale.surfaces.http.oneshot import OneShot
from codewhale.surfaces.http.routes.turns import required_prompt


async def stream_turn(call: Call, given: wire.StreamRequest) -> Stream:
    """Run one prompt. The turn goes on when the reader leaves."""
    prompt = required_prompt(given.prompt)
    thread = await call.client.create_thread(
        NewThread(
            model=given.model,
            mode=given.mode,
            workspace=given.workspace,
            allow_shell=given.allow_shell,
            trust_mode=given.trust_mode,
            auto_approve=given.auto_approve,
            archived=True,
        )
    )
    return _stream(call, await call.client.start_turn(thread.id, TurnInput(prompt=prompt)))


def stream_again(call: Call, receipt: bytes) -> Stream:
    """The same stream from its beginning: the turn that was started, read from the log."""
    return _stream(call, msgspec.json.decode(receipt, type=StartedTurn))


def _stream(call: Call, started: StartedTurn) -> Stream:
    model = started.turn.effective_model or started.thread.model
    return Stream(
        batches=call.client.events(started.thread.id),
        presenter=OneShot(started, model=model, mode=started.thread.mode),
        receipt=msgspec.json.encode(started),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    with_body(
        "POST",
        "/v1/stream",
        wire.StreamRequest,
        stream_turn,
        Spec(
            doc="Run one prompt on a new archived thread and stream what happens.",
            stream="oneshot",
            errors=(400,),
            replay=stream_again,
        ),
    ),
)
