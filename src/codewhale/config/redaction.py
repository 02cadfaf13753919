"""`[redaction]`: which secrets are taken out of what is kept, beside the keys that codewhale itself is given."""

from typing import Annotated

from msgspec import Meta, Struct, field


class Redaction(Struct, frozen=True, kw_only=True):
    """`off` are ids of patterns that are not looked for, `extra` exact texts that go too, `patterns` a person's own by
    their ids, each a beginning, one class and a count: `acme_[A-Za-z0-9]{20,}`."""

    off: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    extra: tuple[Annotated[str, Meta(min_length=8)], ...] = ()
    patterns: dict[str, str] = field(default_factory=dict[str, str])
