"""What model calls used and cost (runtime-contract §1.4 row 39, §4.14)."""

from codewhale.domain.budgets import BudgetStanding
from codewhale.domain.usage import UsageReport
from codewhale.domain.usage_query import usage_query
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get
from codewhale.surfaces.http.exchange import Call, Reply, json_reply


async def usage(call: Call) -> Reply:
    """Sums over the turns of a window, in buckets."""
    query = usage_query(call.text("group_by"), call.text("since"), call.text("until"))
    return json_reply(await call.client.introspection.usage(query))


async def budgets(call: Call) -> Reply:
    """How far the budgets are used."""
    return json_reply(await call.client.introspection.budgets(call.text("thread_id")))


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
    get(
        "/v1/budgets",
        budgets,
        Spec(
            doc="Budgets (ours): caps and what is used of them, of today, or all above a thread.",
            answer=list[BudgetStanding],
            params=(Param("thread_id", "text", "The thread whose budgets are asked for."),),
            errors=(404,),
        ),
    ),
)
