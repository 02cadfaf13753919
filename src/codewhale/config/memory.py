"""`[memory]` of a settings file: whether the model may remember things between conversations. Off unless it is asked for."""

from msgspec import Struct


class MemoryKeys(Struct, frozen=True, kw_only=True):
    """`[memory]`."""

    enabled: bool | None = None
