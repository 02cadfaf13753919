"""Receipts in the store, written by the log's own writer: a claim is queued in front of the events of what it claims.

So whenever an effect is on disk, the claim of its key is: a key without an answer is never taken for a new one. Receipts are
no part of the log and follow from nothing; they go when they are old.
"""

from collections.abc import Callable
from typing import cast

from codewhale.domain.receipts import KEPT_RECEIPTS, Receipt, RequestKey
from codewhale.store.queries import Reader
from codewhale.store.sql import Sql
from codewhale.store.writer import Ticket, Work, Writer


class ReceiptTable:
    """The receipts of one store."""

    def __init__(self, writer: Writer, reader: Reader, redact: Callable[[bytes], bytes] | None) -> None:
        self._writer = writer
        self._reader = reader
        self._redact = redact

    def find(self, scope: str, key: str, *, now: str) -> Receipt | None:
        """The receipt of this key that has not expired by `now`."""
        sql = (
            "SELECT fingerprint, expires_at, status, body FROM receipts WHERE scope = ? AND key = ? AND expires_at > ?"
        )
        with self._reader.transaction() as db:
            rows = db.execute(sql, (scope, key, now)).fetchall()
        if not rows:
            return None
        fingerprint, expires_at, status, body = cast("tuple[str, str, int | None, bytes]", rows[0])
        request = RequestKey(scope=scope, key=key, fingerprint=fingerprint)
        return Receipt(request=request, expires_at=expires_at, status=status, body=body)

    def claim(self, receipt: Receipt, *, now: str) -> Ticket:
        """Take the key for a request about to be carried out. Old receipts go on this occasion."""
        return self._put(lambda db: _claim(db, receipt, now))

    def settle(self, request: RequestKey, status: int, body: bytes) -> Ticket:
        """Keep the answer (JSON, or empty), without secrets; once durable, it is what the key stands for."""
        safe = self._redact(body) if self._redact is not None and body else body
        sql = "UPDATE receipts SET status = ?, body = ? WHERE scope = ? AND key = ?"
        return self._put(lambda db: _run(db, sql, status, safe, request.scope, request.key))

    def release(self, request: RequestKey) -> Ticket:
        """Give the key back: the request had no effect."""
        sql = "DELETE FROM receipts WHERE scope = ? AND key = ?"
        return self._put(lambda db: _run(db, sql, request.scope, request.key))

    def _put(self, work: Work) -> Ticket:
        return self._writer.put((), (), work)


def _claim(db: Sql, receipt: Receipt, now: str) -> bool:
    request = receipt.request
    db.execute("DELETE FROM receipts WHERE expires_at <= ?", (now,))
    db.execute(
        "INSERT OR REPLACE INTO receipts (scope, key, fingerprint, expires_at, status, body)"
        " VALUES (?, ?, ?, ?, NULL, x'')",
        (request.scope, request.key, request.fingerprint, receipt.expires_at),
    )
    db.execute("DELETE FROM receipts WHERE position <= (SELECT max(position) FROM receipts) - ?", (KEPT_RECEIPTS,))
    return True


def _run(db: Sql, sql: str, *given: str | int | bytes) -> bool:
    db.execute(sql, given)
    return True
