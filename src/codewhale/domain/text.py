"""Text that can be written down: strings from outside may hold half of a surrogate pair, which no encoding has.

Pure. The runtime's doors use it, so that nothing further in ever meets such a string.
"""

from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

S = TypeVar("S", bound=Struct)


def whole(text: str) -> str:
    """`text` with each lone surrogate replaced by U+FFFD and each pair joined; the same object when there is none."""
    if text.isascii() or is_whole(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_whole(text: str) -> bool:
    """Whether `text` can be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_fields(given: S) -> S:
    """`given` with `whole` applied to each field that is a string; the same object when nothing changes."""
    changes: dict[str, str] = {}
    for name in given.__struct_fields__:
        value: object = getattr(given, name)
        if isinstance(value, str) and not is_whole(value):
            changes[name] = whole(value)
    return replace(given, **changes) if changes else given
