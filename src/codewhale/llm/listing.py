"""The models that a server says it has: `GET …/models`, which all dialects have in common. One bounded question."""

import asyncio

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ProviderError
from codewhale.llm.errors import Endpoint, from_response
from codewhale.llm.transport.port import Headers, HttpRequest, HttpResponse, Transport
from codewhale.llm.transport.url import Url

_CHECK = "Is the server running and its base_url right?"
MOST_BYTES = 8 * 1024 * 1024
MOST_MODELS = 2000
LONGEST_NAME = 200


class ListedModel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model by the name that requests use; `window` in tokens where the server says it."""

    id: str
    window: int | None = None


class _Entry(Struct):
    id: str | None = None
    context_length: int | None = None
    context_window: int | None = None
    max_model_len: int | None = None
    max_input_tokens: int | None = None


class _List(Struct):
    data: list[_Entry] | None = None


async def list_models(
    transport: Transport, url: Url, headers: Headers, endpoint: Endpoint, seconds: float
) -> tuple[ListedModel, ...]:
    """The models in the order of the server. `ProviderError`: no answer in time, a refusal, something that is no list."""
    try:
        async with asyncio.timeout(seconds):
            asked = HttpRequest(method="GET", url=url, headers=(*headers, ("Accept", "application/json")))
            async with transport.send(asked) as response:
                body = await _read(response)
                if response.status != 200:
                    raise from_response(response.status, response.headers, body, endpoint)
    except TimeoutError as error:
        raise ProviderError(
            f"{url.display} did not answer within {seconds:g} s.", category="timeout", hint=_CHECK
        ) from error
    try:
        found = msgspec.json.decode(body, type=_List).data
    except (ValueError, RecursionError) as error:
        raise ProviderError(f"{url.display} gave no list of models.", category="protocol", hint=_CHECK) from error
    if found is None:
        raise ProviderError(f"{url.display} gave no list of models.", category="protocol", hint=_CHECK)
    return tuple(
        ListedModel(id=one.id, window=_window(one))
        for one in found[:MOST_MODELS]
        if one.id and len(one.id) <= LONGEST_NAME and one.id.isprintable()
    )


def _window(entry: _Entry) -> int | None:
    said = (entry.context_length, entry.context_window, entry.max_model_len, entry.max_input_tokens)
    return next((n for n in said if n is not None and n > 0), None)


async def _read(response: HttpResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await response.read():
        size += len(piece)
        if size > MOST_BYTES:
            raise ProviderError("The list of models is larger than 8 MiB.", category="protocol", hint=_CHECK)
        pieces.append(piece)
    return b"".join(pieces)
