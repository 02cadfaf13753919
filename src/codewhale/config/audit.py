"""`[audit]`: where the audit log is and how large it may become."""

from typing import Annotated

from msgspec import Meta, Struct


class Audit(Struct, frozen=True, kw_only=True):
    """`path` None means `audit.log` beside the data. A file of `max_bytes` is put aside; `keep` of those stay."""

    enabled: bool = True
    path: Annotated[str, Meta(min_length=1)] | None = None
    max_bytes: Annotated[int, Meta(ge=4096, le=1_000_000_000)] = 5_000_000
    keep: Annotated[int, Meta(ge=1, le=20)] = 3
