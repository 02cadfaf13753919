"""Whom TLS trusts. Reading the authorities takes 30 ms, so it happens in a thread, ahead of the first call where that is known.

A context is made per transport: what was made ahead is handed out once, so a changed file is read anew.
"""

import ssl
from concurrent.futures import Future
from threading import Thread

_ahead: dict[str | None, Future[ssl.SSLContext]] = {}


def prepare(ca_file: str | None) -> None:
    """Begin to make the context that the next `tls_context` of this file gives."""
    if ca_file not in _ahead:
        made = _ahead[ca_file] = Future[ssl.SSLContext]()
        Thread(target=_make, args=(ca_file, made), name="codewhale-tls", daemon=True).start()


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and host name checked; `ca_file` replaces the system's authorities. Blocks. An unreadable
    file is an `OSError`."""
    ahead = _ahead.pop(ca_file, None)
    return _context(ca_file) if ahead is None else ahead.result()


def _make(ca_file: str | None, made: Future[ssl.SSLContext]) -> None:
    try:
        made.set_result(_context(ca_file))
    except (OSError, ValueError) as error:  # told to whoever connects
        made.set_exception(error)


def _context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
