"""Who owns a data directory now. Apart from `remote`, so that asking costs no import of the HTTP client."""

from codewhale.store.lock import Owner, read_owner

__all__ = ["Owner", "owner_of"]


def owner_of(directory: str) -> Owner | None:
    """The process that owns this data directory now; None when nobody does."""
    return read_owner(directory)
