"""Why calls were decided as they were, and the rules for those to come. Ours: the published contract has no such routes."""

from msgspec import Struct

from codewhale.domain.decisions import Decided, DecisionQuery
from codewhale.domain.errors import InvalidInput
from codewhale.domain.rules import Rule, RulesShown, Simulation
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, delete, get, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply

USUAL = 100
MOST = 10_000


class Decisions(Struct, frozen=True, kw_only=True):
    """Decisions of the gate, newest first."""

    decisions: list[Decided]


class Suggestions(Struct, frozen=True, kw_only=True):
    """Rules that would allow a call, the narrowest first, each with what it would have done so far."""

    suggestions: list[Simulation]


async def decisions(call: Call) -> Reply:
    """What the gate decided, with what every layer of it said."""
    limit = min(call.uint("limit") or USUAL, MOST)
    query = DecisionQuery(thread_id=call.text("thread_id"), call_id=call.text("call_id"), limit=limit)
    return json_reply(Decisions(decisions=await call.client.policy.decisions(query)))


async def suggestions(call: Call) -> Reply:
    """Rules for a call that was decided on, also while its approval waits."""
    thread_id, call_id = call.text("thread_id"), call.text("call_id")
    if not thread_id or not call_id:
        raise InvalidInput("thread_id and call_id are required")
    return json_reply(Suggestions(suggestions=await call.client.policy.suggestions(thread_id, call_id)))


async def simulate(call: Call, rule: Rule) -> Reply:
    """Try a rule on the past; nothing is changed."""
    return json_reply(await call.client.policy.simulate(rule))


async def rules(call: Call) -> Reply:
    """The person's rules."""
    return json_reply(await call.client.policy.rules())


async def add_rule(call: Call, rule: Rule) -> Reply:
    """Write one more rule."""
    await call.client.policy.add_rule(rule)
    return json_reply(await call.client.policy.rules())


async def remove_rule(call: Call) -> Reply:
    """Take a rule out again."""
    number = call.path["number"]
    if not number.isdecimal() or len(number) > 6:
        raise InvalidInput(f"there is no rule {number[:80]!r}; rules are numbered from 1")
    return json_reply(await call.client.policy.remove_rule(int(number)))


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/policy/decisions",
        decisions,
        Spec(
            doc="Decisions of the gate, newest first: verdict, rule, reason, and what every layer said.",
            answer=Decisions,
            params=(
                Param("thread_id", "text", "Of this thread only."),
                Param("call_id", "text", "Of this call only; the id of its approval does too."),
                Param("limit", "uint", "At most so many (default 100, at most 10,000)."),
            ),
            errors=(400,),
        ),
    ),
    get(
        "/v1/policy/suggestions",
        suggestions,
        Spec(
            doc="Rules that would allow a call from now on, each with what it would have done to the past.",
            answer=Suggestions,
            params=(
                Param("thread_id", "text", "The thread of the call."),
                Param("call_id", "text", "The call, or its approval."),
            ),
            errors=(400, 404),
        ),
    ),
    with_body(
        "POST",
        "/v1/policy/simulate",
        Rule,
        simulate,
        Spec(doc="What a rule would have done to the decisions of the past.", answer=Simulation, errors=(400,)),
    ),
    get("/v1/policy/rules", rules, Spec(doc="The person's rules and the file they stand in.", answer=RulesShown)),
    with_body(
        "POST",
        "/v1/policy/rules",
        Rule,
        add_rule,
        Spec(doc="Write one more rule; it holds from the next decision on.", answer=RulesShown, errors=(400,)),
    ),
    delete(
        "/v1/policy/rules/{number}",
        remove_rule,
        Spec(doc="Take the rule of this number, from 1, out again.", answer=Rule, errors=(400,)),
    ),
)
