"""Where the server's token comes from (runtime-contract §5.1), and what may be bound without one."""

import os
from typing import Literal

from msgspec import Struct

TokenSource = Literal["flag", "environment", "off", "generated"]


class Token(Struct, frozen=True, kw_only=True):
    """The token in force; `value` None is authentication off."""

    value: str | None
    source: TokenSource


def resolve_token(flag: str | None, configured: str | None, *, insecure: bool) -> Token:
    """Flag, then the configured value, then none if `insecure`, else a fresh one of 256 bits. Blanks count as absent; a token
    that is given wins over `insecure`."""
    if flag is not None and flag.strip():
        return Token(value=flag.strip(), source="flag")
    if configured is not None and configured.strip():
        return Token(value=configured.strip(), source="environment")
    if insecure:
        return Token(value=None, source="off")
    return Token(value=f"dst_{os.urandom(32).hex()}", source="generated")
