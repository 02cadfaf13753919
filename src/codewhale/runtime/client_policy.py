"""The gate's past and its rules, as `runtime.client.Client` shows them; a small family of its own. Errors as there."""

from typing import Protocol

from codewhale.domain.decisions import Decided, DecisionQuery
from codewhale.domain.rules import Rule, RulesShown, Simulation


class PolicyClient(Protocol):
    """Why calls were decided as they were, and rules for those to come."""

    async def decisions(self, query: DecisionQuery) -> list[Decided]:
        """Decisions of the past, newest first; at most 10,000."""
        ...

    async def simulate(self, rule: Rule) -> Simulation:
        """What the rule would have done to the newest 10,000 decisions. `InvalidInput` for a rule that means nothing."""
        ...

    async def suggestions(self, thread_id: str, call_id: str) -> list[Simulation]:
        """Rules that would allow a call (named by its id or that of its approval), the narrowest first, each with what it
        would have done so far. `NotFound` when there is no decision on such a call."""
        ...

    async def rules(self) -> RulesShown: ...

    async def add_rule(self, rule: Rule) -> None:
        """Write one more rule; it holds from the next decision on. `InvalidInput` and `ConfigError` say what is wrong."""
        ...

    async def remove_rule(self, number: int) -> Rule:
        """Take the rule of this number, from 1, out again. Errors as `add_rule`."""
        ...
