"""`Idempotency-Key` on every POST: the same request twice is carried out once, and answered alike.

The key holds for one method and path. Only successes are kept; a refusal had no effect, so its request may be sent again
under the same key. A stream is not kept: it is made again from the log.
"""

import hashlib
import re

from codewhale.domain.errors import CodewhaleError
from codewhale.domain.receipts import RequestKey
from codewhale.runtime.idempotency import Idempotency, Kept
from codewhale.surfaces.http.endpoint import Endpoint
from codewhale.surfaces.http.errors import HttpError
from codewhale.surfaces.http.exchange import Call, Headers, Reply, Scope, Stream

HEADER = b"idempotency-key"
REPLAYED = (b"idempotent-replayed", b"true")
PATTERN = "[A-Za-z0-9_.:-]{1,128}"

_KEY = re.compile(f'({PATTERN})|"({PATTERN})"')
_REFUSALS = (CodewhaleError, HttpError)


def request_key(scope: Scope, headers: Headers, body: bytes) -> RequestKey | None:
    """The key that this request carries, None for one without. 400 for a key that is none, or more than one."""
    given = [value for name, value in headers if name == HEADER]
    if not given or scope["method"] != "POST":
        return None
    found = _KEY.fullmatch(given[0].decode("latin-1").strip())
    if found is None or len(given) > 1:
        raise HttpError(400, "Idempotency-Key must be one value of 1 to 128 letters, digits and _ . : -")
    said = hashlib.sha256(scope["query_string"] + b"\n" + body).hexdigest()
    return RequestKey(scope=f"POST {scope['path']}", key=found[1] or found[2], fingerprint=said)


async def carry_out(
    keys: Idempotency | None, request: RequestKey, endpoint: Endpoint, call: Call, given: object
) -> Reply | Stream:
    """Run the endpoint under its key, or give the answer that it gave before."""
    if keys is None:
        raise HttpError(400, "This server keeps no idempotency keys; send the request without one")
    fresh: list[Reply | Stream] = []

    async def work() -> Kept:
        result = await endpoint.run(call, given)
        fresh.append(result)
        if isinstance(result, Reply):
            return Kept(status=result.status, body=result.body)
        return Kept(status=endpoint.status, body=result.receipt or b"")

    kept = await keys.once(request, work, _REFUSALS)
    if fresh:
        return fresh[0]
    if endpoint.replay is not None:
        return endpoint.replay(call, kept.body)
    return Reply(status=kept.status, body=kept.body, headers=(REPLAYED,))
