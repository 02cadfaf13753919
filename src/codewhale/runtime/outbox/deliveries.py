"""Ways to deliver one event: a line on standard output, a line in a file, a signed request to an address.

A delivery to an address carries `X-Codewhale-Delivery` (the event's seq, the same whenever it is tried again) and, with a key,
`X-Codewhale-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from codewhale.domain.errors import CodewhaleError
from codewhale.domain.events import Event
from codewhale.llm.transport.follow import open_response
from codewhale.llm.transport.port import HttpRequest, Transport
from codewhale.llm.transport.url import parse_url

Deliver = Callable[[bytes, Event], Awaitable[None]]
"""Delivers one event; raises `Refused` or `Unreachable` when it was not."""

ANSWER = 30.0
"""Seconds that an address has to answer."""
NOT_NOW = frozenset({408, 425, 429})
TAIL = 64 * 1024


class Refused(Exception):
    """The sink answered that it will not take the event."""


class Unreachable(Exception):
    """The sink could not be reached, or says that it cannot take anything now."""


async def to_stdout(body: bytes, event: Event) -> None:
    """One line on standard output."""
    del event
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.buffer.flush()


def to_file(path: str) -> Deliver:
    """One line of a file each. An event that the file ends with already is not written twice."""
    last = _last_seq(path)

    async def deliver(body: bytes, event: Event) -> None:
        nonlocal last
        if last is not None and event.seq <= last:
            return
        try:
            await asyncio.to_thread(_append, path, body)
        except OSError as error:
            raise Unreachable(f"{path} cannot be written: {error.strerror}") from error
        last = event.seq

    return deliver


def to_address(address: str, key: bytes | None, transport: Transport, seconds: Callable[[], int]) -> Deliver:
    """A POST each. Any 2xx is taken as delivered; other answers of the 400s, but 408, 425 and 429, are a refusal."""
    url = parse_url(address)

    async def deliver(body: bytes, event: Event) -> None:
        headers = [
            ("Content-Type", "application/json"),
            ("User-Agent", "codewhale"),
            ("X-Codewhale-Event", event.event),
            ("X-Codewhale-Delivery", str(event.seq)),
        ]
        if key is not None:
            headers.append(("X-Codewhale-Signature", signature(key, seconds(), body)))
        status = await _status(transport, HttpRequest(method="POST", url=url, headers=tuple(headers), body=body))
        if 200 <= status < 300:
            return
        if 400 <= status < 500 and status not in NOT_NOW:
            raise Refused(f"it answered {status}")
        raise Unreachable(f"it answered {status}")

    return deliver


def signature(key: bytes, moment: int, body: bytes) -> str:
    """What a receiver computes again to know who sent `body`, and when."""
    import hmac  # noqa: PLC0415 - only deliveries with a key

    return f"t={moment},v1={hmac.new(key, b'%d.%b' % (moment, body), 'sha256').hexdigest()}"


async def _status(transport: Transport, request: HttpRequest) -> int:
    try:
        async with asyncio.timeout(ANSWER), open_response(transport, request) as response:
            while await response.read():
                pass
            return response.status
    except TimeoutError:
        raise Unreachable(f"it did not answer within {ANSWER:g} s") from None
    except CodewhaleError as error:
        raise Unreachable(error.message) from error


def _append(path: str, body: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(body + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _last_seq(path: str) -> int | None:
    """The seq of the last whole line. A line that a crash cut off is ended, so that it spoils no other."""
    with suppress(OSError, msgspec.DecodeError), open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        lines = file.read().split(b"\n")
        if lines[-1]:
            file.write(b"\n")
        whole = next((line for line in reversed(lines[:-1]) if line), None)
        return None if whole is None else msgspec.json.decode(whole)["seq"]
    return None
