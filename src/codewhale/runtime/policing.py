"""`PolicyClient` in the owning process: the log's decisions, the person's file of rules, and one tried on the other."""

import asyncio

from msgspec.structs import replace

from codewhale.config.permissions import problem_of
from codewhale.domain.decisions import Decided, DecisionQuery
from codewhale.domain.errors import ConfigError, InvalidInput, NotFound
from codewhale.domain.rules import Rule, RulesShown, Simulation
from codewhale.domain.text import whole, whole_fields
from codewhale.policy.simulate import simulate, suggested
from codewhale.runtime.rulebook import Rulebook
from codewhale.store.port import Store

MOST = 10_000


class Policing:
    """Reads are done in a thread of their own."""

    def __init__(self, store: Store, book: Rulebook | None) -> None:
        self._store = store
        self._book = book

    async def decisions(self, query: DecisionQuery) -> list[Decided]:
        bounded = replace(whole_fields(query), limit=max(1, min(query.limit, MOST)))
        return await asyncio.to_thread(self._store.decisions, bounded)

    async def simulate(self, rule: Rule) -> Simulation:
        sound = _sound(rule)
        return await asyncio.to_thread(lambda: simulate(sound, self._history()))

    async def suggestions(self, thread_id: str, call_id: str) -> list[Simulation]:
        query = DecisionQuery(thread_id=whole(thread_id), call_id=whole(call_id), limit=1)
        found = await asyncio.to_thread(self._store.decisions, query)
        if not found:
            raise NotFound(f"no decision on a call {call_id[:80]!r} in thread {thread_id[:80]!r}")
        rules = suggested(found[0])
        if not rules:
            return []

        def tried() -> list[Simulation]:
            history = self._history()
            return [simulate(rule, history) for rule in rules]

        return await asyncio.to_thread(tried)

    async def rules(self) -> RulesShown:
        book = self._known()
        own = await asyncio.to_thread(book.own)
        return RulesShown(path=book.path, rules=own.rules, problem=own.problem)

    async def add_rule(self, rule: Rule) -> None:
        await asyncio.to_thread(self._known().add, _sound(rule))

    async def remove_rule(self, number: int) -> Rule:
        return await asyncio.to_thread(self._known().remove, number)

    def _history(self) -> list[Decided]:
        return self._store.decisions(DecisionQuery(limit=MOST))

    def _known(self) -> Rulebook:
        if self._book is None:
            raise ConfigError("this runtime has no file of rules", hint="start it with settings")
        return self._book


def _sound(rule: Rule) -> Rule:
    rule = whole_fields(rule)
    problem = problem_of(rule)
    if problem is not None:
        raise InvalidInput(f"no such rule is possible: {problem}")
    return rule
