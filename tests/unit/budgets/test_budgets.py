"""Budgets that hold: worst case first, what is left over later, never more than the cap, whatever happens at once."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.config.budgets import BudgetKeys, budget_plan
from codewhale.domain.budgets import Account, Amount, BudgetPlan, BudgetReserved, Caps, Scope
from codewhale.domain.commands import TurnInput
from codewhale.domain.events import StepCompleted, TurnCompleted
from codewhale.domain.messages import UserMessage
from codewhale.domain.records import Turn, Usage
from codewhale.domain.usage import Rate, charge
from codewhale.runtime.budgets.budgets import tighter
from codewhale.runtime.budgets.ledger import Ledger, Limited, spent
from codewhale.runtime.budgets.wallet import Meter
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import MODEL, Extras, Scene, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
RATE = Rate(cache_hit=0.0, cache_miss=1.0, output=2.0, valid_from="2026-01-01", source="test")
DAY = Account("day", "2026-01-01")


def limited(**caps: float) -> Limited:
    return Limited(account=DAY, caps=msgspec.convert(caps, Caps, strict=False))


def test_what_is_held_counts_until_it_is_settled() -> None:
    ledger = Ledger(lambda _: Amount(tokens=10, requests=1))
    chain = [limited(tokens=100, requests=3)]
    assert ledger.room(chain).tokens == 90
    ledger.hold(chain, "a", Amount(tokens=60, requests=1))
    assert (ledger.room(chain).tokens, ledger.room(chain).requests) == (30, 1)
    ledger.settle(chain, "a", Amount(tokens=5, requests=1))
    ledger.settle(chain, "a", Amount(tokens=5, requests=1))
    assert (ledger.room(chain).tokens, ledger.room(chain).requests) == (85, 1)
    assert ledger.room(chain, share=0.5).tokens == 35


def test_the_tightest_account_of_the_chain_counts() -> None:
    ledger = Ledger(lambda _: Amount())
    inner = Limited(account=Account("turn", "t"), caps=Caps(tokens=5))
    room = ledger.room([limited(tokens=100, usd=1.0), inner])
    assert (room.tokens, room.of_tokens, room.usd) == (5, inner, 1.0)
    assert ledger.room([]).tokens is None


@pytest.mark.parametrize(
    ("scope", "hint"),
    [
        (
            "turn",
            "raise what the turn was given (--max-cost, --max-tokens, `budget`), or [budgets.turn] in the settings",
        ),
        ("day", "raise [budgets.day] in the settings, or go on after midnight UTC"),
        ("automation", "raise [budgets.automation] in the settings, or go on after midnight UTC"),
        ("thread", "raise [budgets.thread] in the settings"),
    ],
)
def test_a_refusal_says_what_can_be_raised(scope: Scope, hint: str) -> None:
    found = spent(Limited(account=Account(scope, "x"), caps=Caps(tokens=5)), "tokens", "")
    assert found.hint == hint


def test_caps_of_a_turn_only_shrink() -> None:
    assert tighter(Caps(usd=1.0, tokens=5), Caps(usd=2.0, requests=3)) == Caps(usd=1.0, tokens=5, requests=3)
    assert tighter(None, None) == Caps()


@given(
    cap=st.integers(1_000, 20_000),
    calls=st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000), st.booleans()), max_size=40),
)
def test_used_never_exceeds_a_cap_whatever_the_order(cap: int, calls: list[tuple[int, int, bool]]) -> None:
    """Each call is (its worst case, what it used, whether an older one is settled first)."""
    ledger = Ledger(lambda _: Amount())
    chain = [limited(tokens=cap)]
    open_: list[tuple[str, int]] = []
    for number, (worst, used, settle_first) in enumerate(calls):
        if settle_first and open_:
            name, amount = open_.pop(0)
            ledger.settle(chain, name, Amount(tokens=amount))
        room = ledger.room(chain).tokens
        assert room is not None
        if worst <= room:
            ledger.hold(chain, str(number), Amount(tokens=worst))
            open_.append((str(number), min(used, worst)))
    for name, amount in open_:
        ledger.settle(chain, name, Amount(tokens=amount))
    assert ledger.used(DAY).tokens <= cap


def test_a_request_that_goes_on_is_bounded_by_what_is_new() -> None:
    meter = Meter()
    assert meter.bound("t", 10_000) == 10_000
    meter.saw("t", 10_000, 2_500)
    assert meter.bound("t", 10_400) == 2_500 + 400 + 64
    assert meter.bound("t", 5_000) == 5_000
    assert meter.bound("other", 400) == 400


def test_settings() -> None:
    keys = msgspec.convert({"day": {"usd": 5.0}, "turn": {"tokens": 10}, "unknown_price": "tokens"}, BudgetKeys)
    assert budget_plan(keys) == BudgetPlan(
        caps=(("day", Caps(usd=5.0)), ("turn", Caps(tokens=10))), unknown_price="tokens"
    )
    assert budget_plan(BudgetKeys()) is None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"day": {"dollars": 5}}, BudgetKeys)


TALK = """
[[reply]]
text = "Hello."
usage = {input_tokens = 100, output_tokens = 20}
"""


def plan(**caps: dict[str, float]) -> BudgetPlan:
    made = budget_plan(msgspec.convert(caps, BudgetKeys, strict=False))
    assert made is not None
    return made


def steps(found: Scene) -> list[StepCompleted]:
    events = found.store.read(None, after=0, limit=100_000)
    return [one for event in events if isinstance(one := event.decode(), StepCompleted)]


def always(workspace: Path) -> Defaults:
    """Nothing is asked."""
    return Defaults(model=MODEL, workspace=str(workspace), allow_shell=True, auto_approve=True)


async def ended(found: Scene, thread_id: str, given: TurnInput | None = None) -> Turn:
    last = (await found.say(thread_id, "hello", given))[-1].decode()
    assert isinstance(last, TurnCompleted)
    return last.turn


async def test_twenty_threads_at_once_stay_under_the_budget_of_the_day(tmp_path: Path) -> None:
    replies = TALK * 20
    cap = 150_000
    extras = Extras(budgets=plan(day={"tokens": cap}))
    async with scene(str(tmp_path), replies, environ=ENVIRON, extras=extras) as found:
        threads = [await found.thread() for _ in range(20)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ended(found, thread.id)) for thread in threads]
        statuses = sorted(task.result().status for task in tasks)
        used = sum(s.usage.input_tokens + s.usage.output_tokens for s in steps(found) if s.usage)
        assert used <= cap
        assert statuses.count("completed") >= 5
        errors = {task.result().error for task in tasks if task.result().status == "failed"}
        assert all("The budget of 150,000 tokens for today" in (error or "") for error in errors)
        held = [e for e in found.store.read(None, after=0, limit=100_000) if e.event == BudgetReserved.WIRE]
        assert len(held) == statuses.count("completed")
        assert found.store.budgets.used(DAY).tokens == used


async def test_a_budget_in_calls_keeps_one_for_the_report(tmp_path: Path) -> None:
    looks = """
    [[reply]]
    calls = [{id = "a", tool = "list_dir", arguments = {}}]
    [[reply]]
    calls = [{id = "b", tool = "list_dir", arguments = {}}]
    [[reply]]
    text = "I looked twice; the rest is open."
    """
    async with scene(str(tmp_path), looks, environ=ENVIRON, extras=Extras(budgets=plan(turn={"requests": 3}))) as found:
        thread = await found.thread()
        turn = await ended(found, thread.id)
        assert turn.status == "failed"
        assert turn.error is not None
        assert "The budget of 3 model calls for this turn" in turn.error
        said = [item.detail for item in found.store.items(thread.id) if item.kind == "agent_message"]
        assert said == ["I looked twice; the rest is open."]
        last = found.provider.requests[-1].messages[-1]
        assert isinstance(last, UserMessage)
        assert "this is your last message" in last.text
        await ended(found, thread.id, TurnInput(prompt="go on"))
        report, goes_on = found.provider.requests[-2:]
        assert goes_on.messages[: len(report.messages)] == report.messages, (
            "what was sent for the report stays as it was"
        )


async def test_a_budget_given_with_the_turn_holds_for_it_alone(tmp_path: Path) -> None:
    async with scene(str(tmp_path), TALK * 2, environ=ENVIRON, extras=Extras(budgets=BudgetPlan())) as found:
        thread = await found.thread()
        turn = await ended(found, thread.id, TurnInput(prompt="hello", budget=Caps(tokens=50)))
        assert (turn.status, found.provider.requests) == ("failed", [])
        assert (await ended(found, thread.id)).status == "completed"


async def test_a_budget_in_money_refuses_a_model_without_a_price(tmp_path: Path) -> None:
    async with scene(str(tmp_path), TALK, environ=ENVIRON, extras=Extras(budgets=plan(day={"usd": 5}))) as found:
        thread = await found.thread()
        turn = await ended(found, thread.id)
        assert turn.error is not None
        assert "nobody knows the price of scripted" in turn.error
        assert found.provider.requests == []


async def test_output_is_cut_to_what_is_left_in_money(tmp_path: Path) -> None:
    extras = Extras(budgets=plan(day={"usd": 0.05}), rate=lambda _: RATE)
    async with scene(str(tmp_path), TALK, environ=ENVIRON, extras=extras) as found:
        thread = await found.thread()
        assert (await ended(found, thread.id)).status == "completed"
        request = found.provider.requests[0]
        assert request.max_output_tokens is not None
        assert 256 <= request.max_output_tokens < 25_000
        (step,) = steps(found)
        assert step.charge == charge(Usage(input_tokens=100, output_tokens=20), RATE)
        assert found.store.budgets.used(DAY).usd == pytest.approx(0.00014)


async def test_the_wall_time_of_a_turn_is_a_budget_too(tmp_path: Path) -> None:
    script = '[[reply]]\ncalls = [{id = "a", tool = "exec_shell", arguments = {command = "sleep 1000"}}]\n'
    plan_ = plan(turn={"seconds": 0.3})
    async with scene(
        str(tmp_path), script, environ=ENVIRON, defaults=always(tmp_path), extras=Extras(budgets=plan_)
    ) as found:
        thread = await found.thread()
        turn = await ended(found, thread.id)
        assert turn.status == "failed"
        assert turn.error is not None
        assert "wall time" in turn.error
