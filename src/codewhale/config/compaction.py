"""`[compaction]` of a settings file: when a conversation that fills its model's window is made smaller."""

from typing import Annotated

from msgspec import Meta, Struct


class Compacting(Struct, frozen=True, kw_only=True):
    """`[compaction]`. `auto` absent: where the model's window is known."""

    auto: bool | None = None
    threshold_percent: Annotated[int, Meta(ge=20, le=95)] = 80
