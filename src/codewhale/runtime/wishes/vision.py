"""Asks the vision model of the settings: one request to an OpenAI-compatible endpoint, bounded in time and size."""

import asyncio
import binascii

import msgspec

from codewhale.config.dotenv import all_variables
from codewhale.config.environment import given
from codewhale.config.routes import proxy_for
from codewhale.config.settings import Settings, Vision
from codewhale.domain.errors import ConfigError, ProviderError, ToolError
from codewhale.domain.vision_wish import LookAtPicture
from codewhale.domain.wishes import Origin
from codewhale.llm.connect import open_transport
from codewhale.llm.errors import clean
from codewhale.llm.route import call_url
from codewhale.llm.transport.follow import open_response
from codewhale.llm.transport.port import HttpRequest, Transport
from codewhale.llm.transport.url import is_loopback
from codewhale.runtime.runtime import Runtime

SECONDS = 120.0
MOST_BYTES = 1_000_000
MOST_TOKENS = 2_000


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct):
    choices: list[_Choice]


async def look(wish: LookAtPicture, origin: Origin, runtime: Runtime) -> str:
    """What the vision model says; `ToolError` when there is none, or it gives no answer."""
    del origin
    around = runtime.outside.surroundings
    settings = around.settings if around is not None else None
    if settings is None or settings.vision is None:
        raise ToolError("No [vision_model] is set, so nobody can look at pictures.", category="not_available")
    vision = settings.vision
    transport = open_transport(proxy_for(settings, vision.base_url), settings.ca_file)
    key = _key(vision)
    try:
        async with asyncio.timeout(SECONDS):
            status, body = await _sent(transport, _request(settings, vision, key, wish))
    except TimeoutError:
        raise ToolError(f"The vision model needed more than {SECONDS:.0f} seconds.", category="timeout") from None
    except (ProviderError, ConfigError) as error:
        raise ToolError(f"The vision model could not be asked: {error.in_full()}") from error
    await transport.close()  # after an error no connection is left to close
    return _read(status, body, key)


def _key(vision: Vision) -> str | None:
    if vision.api_key is not None:
        return vision.api_key.reveal()
    return given(all_variables(), vision.api_key_env) if vision.api_key_env else None


def _request(settings: Settings, vision: Vision, key: str | None, wish: LookAtPicture) -> HttpRequest:
    url = call_url(vision.base_url, "chat")
    if url.scheme == "http" and not is_loopback(url.host) and not settings.allow_insecure_http:
        raise ConfigError(f"{url.display} is plain http.", hint="Use https:// in [vision_model] base_url.")
    picture = binascii.b2a_base64(wish.picture, newline=False).decode()
    content = [
        {"type": "text", "text": wish.prompt},
        {"type": "image_url", "image_url": {"url": f"data:{wish.media_type};base64,{picture}"}},
    ]
    body = {
        "model": vision.model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": MOST_TOKENS,
        "stream": False,
    }
    headers = (("Content-Type", "application/json"), *([("Authorization", f"Bearer {key}")] if key else []))
    return HttpRequest(method="POST", url=url, headers=headers, body=msgspec.json.encode(body))


async def _sent(transport: Transport, request: HttpRequest) -> tuple[int, bytes]:
    body = bytearray()
    async with open_response(transport, request) as response:
        while piece := await response.read():
            body += piece
            if len(body) > MOST_BYTES:
                raise ToolError(f"The vision model answered with more than {MOST_BYTES:,} bytes.")
        return response.status, bytes(body)


def _read(status: int, body: bytes, key: str | None) -> str:
    if status != 200:
        raise ToolError(f"The vision model answered {status}: {clean(body[:2000].decode(errors='replace'), key, 300)}")
    try:
        choices = msgspec.json.decode(body, type=_Answer).choices
    except msgspec.DecodeError as error:
        raise ToolError(f"The vision model's answer cannot be read: {error}") from error
    said = (choices[0].message.content or "").strip() if choices else ""
    if not said:
        raise ToolError("The vision model gave no answer.")
    return said


ANSWERS = {LookAtPicture: look}
