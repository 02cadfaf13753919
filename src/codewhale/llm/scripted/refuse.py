"""Refusals of the scripted model: status, headers and body that a fault asks for. Pure but for the clock of a date."""

import time
from collections.abc import Callable
from email.utils import formatdate

from codewhale.llm.scripted.faults import REFUSALS, Fault
from codewhale.llm.scripted.wire import error_body

JSON = {"Content-Type": "application/json"}
_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def refusal(
    fault: Fault | None, error: Callable[[str, str, str], bytes] = error_body
) -> tuple[int, dict[str, str], bytes] | None:
    """(status, headers, body) of a refusal, or None when the fault is none; `error` writes (message, code, kind) in the words
    of a dialect."""
    if fault is None or not fault.refuses:
        return None
    if fault.redirect is not None:
        headers = {"Location": fault.redirect, **headers_of(fault, "text/plain")}
        return fault.status or 307, headers, (fault.body or "").encode()
    status, code, message = REFUSALS[fault.error or "server"]
    if fault.error is None:
        code, message = "scripted", f"The script answers with status {fault.status}."
    status = fault.status or status
    body = error(message, code, _KINDS.get(status, "server_error")) if fault.body is None else fault.body.encode()
    return status, headers_of(fault, "application/json"), body


def headers_of(fault: Fault | None, kind: str) -> dict[str, str]:
    """The headers of an answer of content type `kind`, as the fault changes them."""
    headers = {"Content-Type": kind}
    if fault is None:
        return headers
    if fault.content_type is not None:
        headers["Content-Type"] = fault.content_type
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    if fault.retry_after_date is not None:
        headers["Retry-After"] = formatdate(time.time() + fault.retry_after_date, usegmt=True)
    return {**headers, **fault.headers}
