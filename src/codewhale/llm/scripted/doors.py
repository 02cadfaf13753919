"""The dialects that the scripted model speaks, each on its path: how a body is read, and how the plan is written."""

from collections.abc import Callable

from msgspec import Struct

from codewhale.llm.scripted import asked, asked_anthropic, asked_responses, wire, wire_anthropic, wire_responses
from codewhale.llm.scripted.asked import Asked
from codewhale.llm.scripted.faults import Fault
from codewhale.llm.scripted.plan import Plan
from codewhale.llm.scripted.wire import Part


class Door(Struct, frozen=True, kw_only=True):
    """One dialect. `complaint` says what its API refuses beyond what every API does; `prefix` begins the ids of answers."""

    path: str
    prefix: str
    read: Callable[[bytes], Asked]
    stream: Callable[[Plan, Asked, str, int, Fault | None], list[Part]]
    document: Callable[[Plan, Asked, str, int], list[Part]]
    complaint: Callable[[bytes], str | None] = lambda _: None
    error: Callable[[str, str, str], bytes] = wire.error_body


CHAT = Door(
    path="/chat/completions",
    prefix="chatcmpl-scripted-",
    read=asked.read_body,
    stream=wire.stream,
    document=wire.document,
)
DOORS = (
    CHAT,
    Door(
        path="/messages",
        prefix="msg_scripted_",
        read=asked_anthropic.read_body,
        stream=wire_anthropic.stream,
        document=wire_anthropic.document,
        complaint=asked_anthropic.complaint,
        error=wire_anthropic.error_body,
    ),
    Door(
        path="/responses",
        prefix="resp_scripted_",
        read=asked_responses.read_body,
        stream=wire_responses.stream,
        document=wire_responses.document,
        complaint=asked_responses.complaint,
    ),
)


def door_of(path: str) -> Door | None:
    """The door that a path leads to."""
    return next((door for door in DOORS if path.endswith(door.path)), None)
