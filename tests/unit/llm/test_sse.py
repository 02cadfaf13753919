"""Server-sent events: however the bytes are cut, the same events come out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.errors import ProviderError
from codewhale.llm.sse import SseEvent, SseFrames, data_of, event_of

STREAM = (
    "\ufeff: comment\n\n"
    "data: one\n\n"
    "event: item.delta\nid: 7\ndata:two 🐋\ndata: lines\n\n\n\n"
    "retry: 10\n\n"
    "data\n\n"
    "nonsense without colon\ndata:  kept space\n\n"
    "data: never terminated"
)
EVENTS = [
    SseEvent(event="message", data="one"),
    SseEvent(event="item.delta", id="7", data="two 🐋\nlines"),
    SseEvent(event="message", data=""),
    SseEvent(event="message", data=" kept space"),
    SseEvent(event="message", data="never terminated"),
]


def blocks(pieces: list[bytes]) -> list[bytes]:
    frames = SseFrames()
    found = [block for piece in pieces for block in frames.feed(piece)]
    return found + frames.flush()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@given(cuts=st.lists(st.integers(0, len(STREAM.encode()) * 2), max_size=12))
def test_any_cut_and_any_line_end_give_the_same_events(newline: str, cuts: list[int]) -> None:
    stream = STREAM.replace("\n", newline).encode()
    edges = [0, *sorted(cuts), len(stream)]
    found = blocks([stream[a:b] for a, b in pairwise(edges)])
    assert [event for event in map(event_of, found) if event is not None] == EVENTS
    assert [data for data in map(data_of, found) if data is not None] == [event.data.encode() for event in EVENTS]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_garbage_is_an_event_nothing_or_a_typed_error(pieces: list[bytes]) -> None:
    for block in blocks(pieces):
        try:
            event_of(block)
        except ProviderError as error:
            assert error.category == "protocol"  # noqa: PT017 - most garbage is no error


def test_bytes_that_are_not_utf8_are_never_replaced() -> None:
    with pytest.raises(ProviderError):
        event_of(b"data: \xf0\x9f")


def test_an_event_without_end_is_cut_off() -> None:
    frames = SseFrames(max_event_bytes=1000)
    frames.feed(b"data: 0123456789\n" * 50)
    with pytest.raises(ProviderError):
        frames.feed(b"data: 0123456789\n" * 50)


def test_an_id_with_nul_is_ignored() -> None:
    assert event_of(b"id: a\0b\ndata: x") == SseEvent(event="message", data="x")
