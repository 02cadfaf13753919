"""What model calls used and cost (runtime-contract §1.4 row 39, §4.14)."""

from codewhale.domain.usage import UsageReport
from codewhale.domain.usage_query import usage_query
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get
from codewhale.surfaces.http.exchange import Call, Reply, json_reply


async def usage(call: Call) -> Reply:
    """Sums over the turns of a window, in buckets."""
    query = usage_query(call.text("group_by"), call.text("since"), call.text("until"))
    return json_reply(await call.client.introspection.usage(query))


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/usage",
        usage,
        Spec(
            doc="Tokens and cost of model calls, by day, model, provider or thread.",
            answer=UsageReport,
            params=(
                Param("since", "text", "Turns created at or after this RFC 3339 time."),
                Param("until", "text", "Turns created at or before this RFC 3339 time."),
                Param("group_by", "text", "day (UTC, the default), model, provider or thread."),
            ),
            errors=(400,),
        ),
    ),
)
