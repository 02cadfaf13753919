"""A turn on an archived thread of its own, answered as one stream (runtime-contract §3.6)."""

from codewhale.domain.commands import NewThread, TurnInput
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
    started = await call.client.start_turn(thread.id, TurnInput(prompt=prompt))
    return Stream(
        batches=call.client.events(thread.id),
        presenter=OneShot(
            started, model=started.turn.effective_model or started.thread.model, mode=started.thread.mode
        ),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    with_body(
        "POST",
        "/v1/stream",
        wire.StreamRequest,
        stream_turn,
        Spec(doc="Run one prompt on a new archived thread and stream what happens.", stream="oneshot", errors=(400,)),
    ),
)
