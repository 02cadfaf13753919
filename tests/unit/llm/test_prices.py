"""Price tables: ours are in order, a time has one price, nothing is guessed, and an own table comes first."""

import os
from pathlib import Path

import pytest

import codewhale.llm.prices
from codewhale.domain.errors import ConfigError
from codewhale.domain.records import Usage
from codewhale.domain.usage import Rate, charge
from codewhale.llm.prices import PriceEntry, parse_prices, published_prices, rate_of
from codewhale.llm.pricing import route_rate
from codewhale.llm.route import RouteWish, make_route

OURS = sorted(
    name[:-5] for name in os.listdir(os.path.dirname(codewhale.llm.prices.__file__)) if name.endswith(".toml")
)
NOON = "2026-05-01T12:00:00.000Z"


def overlap(a: PriceEntry, b: PriceEntry) -> bool:
    return (a.valid_to is None or b.valid_from < a.valid_to) and (b.valid_to is None or a.valid_from < b.valid_to)


@pytest.mark.parametrize("provider", OURS)
def test_our_entries_have_a_source_and_never_two_prices_for_one_time(provider: str) -> None:
    entries = published_prices(provider)
    assert entries
    for at, entry in enumerate(entries):
        assert entry.source
        assert entry.valid_to is None or entry.valid_from < entry.valid_to
        assert entry.cache_hit <= entry.cache_miss
        same = [other for other in entries[at + 1 :] if other.match == entry.match and not entry.hours_utc]
        assert not [other for other in same if overlap(entry, other)]


SEEN = ("api-docs.deepseek.com/quick_start/pricing", "platform.claude.com/docs/", "runs on your own machines")
"""Where a rate of ours may come from. Another place is added by whoever has read the provider's own page, with the day."""


@pytest.mark.parametrize("provider", OURS)
def test_our_rates_were_read_at_the_providers_own_page(provider: str) -> None:
    assert [entry.match for entry in published_prices(provider) if not entry.source.startswith(SEEN)] == []


def test_a_provider_whose_page_nobody_read_has_no_prices() -> None:
    assert [published_prices(name) for name in ("openai", "openrouter", "fireworks")] == [(), (), ()]


def hit_price(provider: str, model: str, moment: str) -> float | None:
    rate = rate_of(published_prices(provider), model)(moment)
    return None if rate is None else rate.cache_hit


def test_the_price_is_that_of_the_time() -> None:
    assert hit_price("deepseek", "DeepSeek-V4-Pro", NOON) == 0.003625
    assert hit_price("deepseek", "deepseek-v4-pro", "2026-04-26T12:14:59.999Z") is None
    assert hit_price("deepseek", "deepseek-v4-pro", "2026-08-01T00:00:00.000Z") is None


def test_the_price_may_depend_on_the_hour_and_the_day() -> None:
    peak, late, sunday = "2026-10-01T09:59:59.999Z", "2026-10-01T10:00:00.000Z", "2026-10-04T09:00:00.000Z"
    assert [hit_price("deepseek", "deepseek-v4-pro", at) for at in (peak, late, sunday)] == [0.044, 0.022, 0.022]


def test_a_model_that_nobody_priced_has_no_price() -> None:
    assert hit_price("deepseek", "deepseek-v9", NOON) is None
    assert hit_price("openrouter", "deepseek/deepseek-v4-pro", NOON) is None
    assert hit_price("../profiles/deepseek", "deepseek-v4-pro", NOON) is None


OWN = """
[[prices]]
match = "deepseek-*"
valid_from = "2026-01-01T00:00:00.000Z"
cache_hit = 1.0
cache_miss = 2.0
output = 3.0
source = "our contract"
"""


def test_an_own_table_comes_first_and_also_holds_for_other_endpoints(tmp_path: Path) -> None:
    (tmp_path / "deepseek.toml").write_text(OWN)
    for url in (None, "https://gateway.example/v1"):
        route = make_route("deepseek", RouteWish(model="deepseek-v4-pro", base_url=url, api_key="k"))
        rate = route_rate(route, str(tmp_path))(NOON)
        assert rate is not None
        assert rate.source == "our contract"


def test_published_prices_are_for_the_providers_own_endpoint(tmp_path: Path) -> None:
    gateway = make_route(
        "deepseek", RouteWish(model="deepseek-v4-pro", base_url="https://gateway.example/v1", api_key="k")
    )
    official = make_route("deepseek", RouteWish(model="deepseek-v4-pro", api_key="k"))
    local = make_route("ollama", RouteWish(model="qwen3", base_url="http://127.0.0.1:9/v1"))
    rates = [route_rate(route, str(tmp_path))(NOON) for route in (gateway, official, local)]
    assert [None if rate is None else rate.output for rate in rates] == [None, 0.87, 0.0]


@pytest.mark.parametrize("text", ["prices = 1", "[[prices]]\nmatch = 'x'", OWN.replace("1.0", "-1.0"), "not toml"])
def test_a_table_that_cannot_be_used_names_itself(text: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        parse_prices(text, "mine.toml")


RATE = Rate(cache_hit=0.5, cache_miss=5.0, output=50.0, valid_from=NOON, source="s")


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(input_tokens=100, output_tokens=10), (100 * 5 + 10 * 50) / 1e6),
        (Usage(input_tokens=100, output_tokens=10, prompt_cache_hit_tokens=40), (40 * 0.5 + 60 * 5 + 10 * 50) / 1e6),
        (Usage(input_tokens=100, output_tokens=10, prompt_cache_hit_tokens=999), (100 * 0.5 + 10 * 50) / 1e6),
        (Usage(input_tokens=0, output_tokens=10, reasoning_tokens=9), (10 * 50) / 1e6),
    ],
)
def test_the_charge_counts_hits_as_part_of_the_input_and_reasoning_as_part_of_the_output(
    usage: Usage, cost: float
) -> None:
    found = charge(usage, RATE)
    assert found is not None
    assert found.cost_usd == pytest.approx(cost, abs=1e-12)
    assert (charge(usage, None), charge(None, RATE)) == (None, None)


def test_the_documented_table_can_be_used() -> None:
    text = (Path(__file__).parents[3] / "docs" / "usage.md").read_text()
    (example,) = parse_prices(text.split("```toml\n")[1].split("```")[0], "docs/usage.md")
    assert (example.match, example.output) == ("deepseek-*", 1.5)
