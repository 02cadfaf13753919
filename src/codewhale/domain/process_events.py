"""The events of background processes; part of the vocabulary of `events.py`, kept from the published stream.

They stand on the stream of the thread whose call started the process.
"""

from typing import ClassVar

from msgspec import Struct

from codewhale.domain.processes import Process


class ProcessStarted(Struct, frozen=True, kw_only=True):
    """A background process is about to begin: durable before it does."""

    WIRE: ClassVar[str] = "process.started"
    process: Process


class ProcessEnded(Struct, frozen=True, kw_only=True):
    """A background process has ended: the record after it, once. It may come in any turn of its thread, or in none."""

    WIRE: ClassVar[str] = "process.ended"
    process: Process


class ProcessTold(Struct, frozen=True, kw_only=True):
    """The model has been told of the end, by the item recorded with this event or by a result: once."""

    WIRE: ClassVar[str] = "process.told"
    process_id: str
