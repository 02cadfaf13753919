"""What a cache should have had of each request, what it had, and which event explains the rest."""

from collections.abc import Sequence

from msgspec.structs import replace

from codewhale.context.requests import Requests
from codewhale.domain import events as e
from codewhale.domain.context import RequestShape
from codewhale.domain.context_report import SentRequest
from codewhale.domain.records import Usage
from codewhale.domain.usage import Charge, Rate
from codewhale.testing.turn_script import TurnScript, made_item

RATE = Rate(cache_hit=0.1, cache_miss=1.1, output=2.0, valid_from="2026-01-01", source="a page")
SHAPE = RequestShape(system=4000, tools=4000, messages=1, said=2000, marks=(1, 1, 1))
LATER = replace(SHAPE, messages=3, said=4000, before=10_000, same=10_000)
STEP = e.StepCompleted(step=1, provider="p", model="m", finish_reason="stop", duration_ms=1)


def step(shape: RequestShape, tokens: int, hit: int | None, *, priced: bool = False) -> e.StepCompleted:
    usage = Usage(input_tokens=tokens, output_tokens=1, prompt_cache_hit_tokens=hit)
    charged = Charge(cost_usd=1.0, rate=RATE) if priced else None
    return replace(STEP, request=shape, usage=usage, charge=charged)


def folded(*payloads: e.Payload) -> list[SentRequest]:
    script = TurnScript()
    for payload in payloads:
        script.add(payload)
    requests = Requests()
    requests.see_all(script.events)
    return requests.found


def told(found: Sequence[SentRequest]) -> list[tuple[int, int | None, int | None, str, bool]]:
    return [(one.expected, one.hit, one.missed, one.cause, one.declared) for one in found]


def test_a_request_that_continues_the_one_before_should_hit_all_of_it() -> None:
    found = folded(step(SHAPE, 2500, 0), step(LATER, 3000, 2496))
    assert told(found) == [(0, 0, 0, "the first request", False), (2500, 2496, 4, "", False)]


def test_a_provider_that_tells_nothing_is_not_blamed() -> None:
    found = folded(step(SHAPE, 2500, None), step(LATER, 3000, None))
    assert told(found)[1] == (2500, None, None, "", False)


def test_a_miss_that_nothing_of_ours_explains_is_said_to_be_so_and_priced() -> None:
    found = folded(step(SHAPE, 2500, 0), step(LATER, 3000, 500, priced=True))
    assert told(found)[1] == (2500, 500, 2000, "not known: nothing of the request was other than before", False)
    assert found[1].lost_usd == 0.002


def test_the_event_that_caused_it_is_named() -> None:
    pinned = e.ContextPinned(reason="settings", model="m", version="1", parts=(), tools=(), changed=("environment",))
    other = replace(LATER, same=0, differs="system")
    found = folded(step(SHAPE, 2500, 0), pinned, step(other, 3000, 0))
    assert told(found)[1] == (0, 0, 0, "context.pinned: settings, other: environment", True)
    summary = e.ItemCompleted(item=made_item("i", "context_compaction", "completed", "Summary"))
    shorter = replace(LATER, said=500, same=8000, differs="messages")
    found = folded(step(SHAPE, 2500, 0), summary, step(shorter, 2200, 1984))
    assert told(found)[1] == (2000, 1984, 16, "context_compaction", True)
    brought = e.ItemCompleted(
        item=made_item("i", "tool_call", "completed", "Found.", {"activated": ["git_log"]}),
    )
    found = folded(step(SHAPE, 2500, 0), brought, step(replace(LATER, same=8000, differs="tools"), 3000, 1984))
    assert told(found)[1] == (2000, 1984, 16, "a_tool brought in a tool", True)


def test_a_summary_that_is_asked_of_a_shortened_conversation_says_so() -> None:
    started = e.ItemStarted(item=made_item("i", "context_compaction", "in_progress"), auto=True)
    failed = e.ItemFailed(item=made_item("i", "context_compaction", "failed", "It was empty"), auto=True)
    shortened = replace(LATER, said=1000, same=8000, differs="message 1")
    again = replace(LATER, before=9000, same=8000, differs="message 1")
    found = folded(step(SHAPE, 2500, 0), started, step(shortened, 2200, 1984), failed, step(again, 3000, 1900))
    assert told(found)[1:] == [
        (2000, 1984, 16, "context_compaction: the summary is asked of a shortened conversation", True),
        (1956, 1900, 56, "context_compaction failed", True),
    ]


def test_another_model_has_another_cache() -> None:
    found = folded(step(SHAPE, 2500, 0), replace(step(LATER, 3000, 0), model="other"))
    assert told(found)[1] == (0, 0, 0, "another model: m by p before", True)


def test_a_difference_that_no_event_declares_is_a_defect_that_shows() -> None:
    found = folded(step(SHAPE, 2500, 0), step(replace(LATER, same=8000, differs="message 1"), 3000, 1984))
    assert told(found)[1][3:] == ("not known: no event declares it", False)


def test_what_was_forgotten_over_a_pause_is_the_providers() -> None:
    script = TurnScript().add(step(SHAPE, 2500, 0)).add(step(LATER, 3000, 0))
    script.events[1] = replace(script.events[1], timestamp="2026-01-31T10:20:00.000Z")
    requests = Requests()
    requests.see_all(script.events)
    assert told(requests.found)[1][3] == "20 min passed: the provider may have forgotten"


def test_steps_of_other_programs_have_no_shape_and_are_left_out() -> None:
    assert folded(STEP) == []
