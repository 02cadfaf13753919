"""The part of an SQLite connection that the store uses, typed: apsw's own stubs are unknown to a checker for Python 3.11."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, cast

import apsw

Value = int | float | str | bytes | None
Row = tuple[Value, ...]


class Rows(Protocol):
    """What a statement yields."""

    @property
    def get(self) -> object:
        """The one value of the one row (a tuple when the row has more, a list when there are more rows), or None."""
        ...

    def __iter__(self) -> Iterator[Row]: ...

    def fetchall(self) -> list[Row]: ...


class Sql(Protocol):
    """A connection. Errors are `apsw.Error`s."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statements: str, bindings: Sequence[Value] | None = None, /) -> Rows: ...

    def executemany(self, statements: str, bindings: Iterable[Sequence[Value]], /) -> Rows: ...

    def changes(self) -> int:
        """Rows that the last statement changed."""
        ...

    def set_busy_timeout(self, milliseconds: int, /) -> None: ...

    def config(self, op: int, value: int, /) -> int: ...

    def __enter__(self) -> object:
        """Begin a savepoint: kept at the end of the block, undone when the block raises."""
        ...

    def __exit__(self, kind: object, error: object, trace: object, /) -> bool | None: ...

    def close(self) -> None: ...


def connection(path: str) -> Sql:
    """A new connection to the file at `path` (":memory:" and "" as SQLite means them)."""
    return cast("Sql", apsw.Connection(path))
