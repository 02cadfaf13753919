"""The gate's past and its rules in another process: `client_policy.PolicyClient` over its HTTP API."""

from urllib.parse import quote

from msgspec import Struct

from codewhale.domain.decisions import Decided, DecisionQuery
from codewhale.domain.rules import Rule, RulesShown, Simulation
from codewhale.runtime.remote_tasks import Ask


class _Decisions(Struct, frozen=True):
    decisions: list[Decided]


class _Simulations(Struct, frozen=True):
    suggestions: list[Simulation]


class RemotePolicy:
    """The gate of the server that `ask` reaches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def decisions(self, query: DecisionQuery) -> list[Decided]:
        given = (("thread_id", query.thread_id), ("call_id", query.call_id), ("limit", str(query.limit)))
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in given if value is not None)
        return (await self._ask("GET", f"/v1/policy/decisions?{asked}", _Decisions)).decisions

    async def simulate(self, rule: Rule) -> Simulation:
        return await self._ask("POST", "/v1/policy/simulate", Simulation, _body(rule))

    async def suggestions(self, thread_id: str, call_id: str) -> list[Simulation]:
        where = f"/v1/policy/suggestions?thread_id={quote(thread_id, safe='')}&call_id={quote(call_id, safe='')}"
        return (await self._ask("GET", where, _Simulations)).suggestions

    async def rules(self) -> RulesShown:
        return await self._ask("GET", "/v1/policy/rules", RulesShown)

    async def add_rule(self, rule: Rule) -> None:
        await self._ask("POST", "/v1/policy/rules", RulesShown, _body(rule))

    async def remove_rule(self, number: int) -> Rule:
        return await self._ask("DELETE", f"/v1/policy/rules/{number}", Rule)


def _body(rule: Rule) -> dict[str, object]:
    return {name: value for name in rule.__struct_fields__ if (value := getattr(rule, name)) is not None}
