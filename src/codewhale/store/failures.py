"""What went wrong below SQL, in the words of the error tree.

A refusal concerns one append and leaves the log usable; every other error means that the log cannot be trusted to
accept more.
"""

import errno

import apsw

from codewhale.domain.errors import StoreCorrupt, StoreError, StoreUnwritable


class Refused(StoreError):
    """These events break a law of the log (an id used twice, an end without a start); nothing of them was recorded."""

    code = "store_refused"


def translated(error: apsw.Error | OSError, doing: str) -> StoreError:
    """The error of the tree for `error`, met while `doing` something (words that follow "could not")."""
    if _is_full(error):
        return StoreUnwritable(
            f"Could not {doing}: the disk is full. Nothing after the last confirmed event was recorded.",
            hint="Free some space and try again; what was confirmed is safe.",
        )
    if _is_forbidden(error):
        return StoreUnwritable(
            f"Could not {doing}: the data directory cannot be written ({error}).",
            hint="Give your user write access to it, or point CODEWHALE_HOME at another directory.",
        )
    if isinstance(error, (NotADirectoryError, FileExistsError)):
        return StoreUnwritable(
            f"Could not {doing}: a file is where a folder should be ({error}).",
            hint="Move that file away, or point CODEWHALE_HOME at another directory.",
        )
    if isinstance(error, IsADirectoryError):
        return StoreUnwritable(
            f"Could not {doing}: a folder is where a file should be ({error}).",
            hint="Move that folder away, or point CODEWHALE_HOME at another directory.",
        )
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return StoreCorrupt(
            f"Could not {doing}: the log's file is damaged ({error}).",
            hint="Run `codewhale store check`; restore the file from a backup if it cannot be read.",
        )
    if isinstance(error, (apsw.ConstraintError, apsw.MismatchError)):
        return Refused(f"Could not {doing}: {error}.", hint="This is a defect of codewhale; please report it.")
    return StoreUnwritable(
        f"Could not {doing}: {error}. Nothing after the last confirmed event was recorded.",
        hint="Check the disk that holds the data directory, then try again.",
    )


def _is_forbidden(error: apsw.Error | OSError) -> bool:
    if isinstance(error, OSError):
        return isinstance(error, PermissionError) or error.errno == errno.EROFS
    return isinstance(error, (apsw.ReadOnlyError, apsw.PermissionsError))


def _is_full(error: apsw.Error | OSError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT)
    # The index of the WAL is a file of its own; when that cannot grow, SQLite calls it an input/output error.
    return isinstance(error, apsw.FullError) or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE
