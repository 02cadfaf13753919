"""A corpus of streams as providers send them, replayed: the same events however the network cuts the bytes.

`streams/DIALECT/NAME.stream` is a body as it comes, byte for byte; `NAME.json` beside it what it means, or the error that it
is and what came before it. `--update-golden` writes the latter.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import ModelEvent, ModelRequest
from codewhale.llm.dialects import anthropic, chat, responses
from codewhale.llm.dialects.posting import Decoder
from codewhale.llm.errors import Endpoint
from codewhale.llm.quirks import Quirks
from codewhale.llm.sse import SseFrames, data_of
from codewhale.testing.provider_kit import check_stream, merged

FOLDER = Path(__file__).parent / "streams"
STREAMS = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.glob("*/*.stream"))
CODECS = {"chat": chat.codec, "anthropic": anthropic.codec, "responses": responses.codec}
ENDPOINT = Endpoint(provider="acme", url="https://acme.test", model="m")
ASKED = ModelRequest(model="m", system="", messages=())


class Replayed(Struct):
    """What a stream means."""

    events: list[object]
    error: str | None = None


def decoder_of(name: str) -> Decoder:
    return CODECS[name.partition("/")[0]](ENDPOINT, Quirks()).decoder(ASKED)


def replay(name: str, cut: Iterable[bytes]) -> Replayed:
    """The events of a body that comes in these pieces, as the adapter reads it."""
    decoder, frames = decoder_of(name), SseFrames()
    heard: list[ModelEvent] = []
    pieces = list(cut)
    whole = b"".join(pieces)
    try:
        if whole[:1] == b"{":
            heard += decoder.whole(whole)
        else:
            for piece in pieces:
                heard += decoder.feed([data for data in map(data_of, frames.feed(piece)) if data is not None])
                if decoder.done:
                    break
            heard += decoder.feed([data for data in map(data_of, frames.flush()) if data is not None])
            heard += decoder.finish()
        check_stream(heard)
    except ProviderError as error:
        return Replayed(events=shown(heard), error=f"{error.category}: {error.message}")
    return Replayed(events=shown(heard))


def shown(events: list[ModelEvent]) -> list[object]:
    return [{type(event).__name__: msgspec.to_builtins(event)} for event in merged(events)]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_means_the_same_however_it_is_cut(name: str, request: pytest.FixtureRequest) -> None:
    body = (FOLDER / f"{name}.stream").read_bytes()
    found = replay(name, [body])
    expected = FOLDER / f"{name}.json"
    if request.config.getoption("--update-golden"):
        expected.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    assert found == msgspec.json.decode(expected.read_bytes(), type=Replayed)
    for size in (1, 2, 3, 7, 64, 1000):
        assert replay(name, (body[at : at + size] for at in range(0, len(body), size))) == found, size


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.endswith("not_streamed")])
def test_line_ends_do_not_matter(name: str) -> None:
    body = (FOLDER / f"{name}.stream").read_bytes().replace(b"\r\n", b"\n")
    found = replay(name, [body])
    for end in (b"\r\n", b"\r"):
        assert replay(name, [body.replace(b"\n", end)]) == found


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.endswith("not_streamed")])
def test_a_stream_cut_anywhere_never_gives_half_a_call(name: str) -> None:
    body = (FOLDER / f"{name}.stream").read_bytes()
    calls = [event for event in replay(name, [body]).events if "CallReady" in str(event)]
    for at in range(0, len(body), 37):
        cut = replay(name, [body[:at]])
        assert [event for event in cut.events if "CallReady" in str(event)] in ([], calls)
