"""Which route a turn takes, through the real binary: fallbacks, `auto`, what is offered without a key, where keys never go."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from codewhale.domain.ports import SystemClock
from codewhale.domain.records import Item
from codewhale.domain.routing import RouteChosen
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.http_calls import Request

if TYPE_CHECKING:
    from conftest import Model, ModelOf, Site

REFUSING = """
models = ["one", "two"]
[default]
text = "never"
[[default.faults]]
times = 0
error = "{error}"
"""
FINE = """
models = ["strong-model", "fast-model"]
[[turn]]
when = {system_contains = "You choose a model"}
[[turn.reply]]
text = '{"model": "strong", "thinking": "low"}'
[default]
text = "Here I am."
"""
TWO = """
provider = "one"
fallback_providers = ["openai", "two"]
[retry]
enabled = false
[providers.one]
base_url = "{first}"
model = "one"
api_key = "sk-first"
[providers.two]
dialect = "anthropic"
base_url = "{second}"
model = "two"
api_key = "sk-second"
"""
AUTO = """
provider = "own"
model = "auto"
[auto]
strong = "strong-model"
fast = "fast-model"
[providers.own]
base_url = "{url}"
api_key = "sk-own"
"""


async def bodies(model: "Model") -> list[Any]:
    answer = await model.caller.send(Request(method="GET", path="/_requests"))
    return [one["body"] for one in answer.json()]


def logged(site: "Site") -> tuple[list[RouteChosen], list[str]]:
    """The routes chosen and the notes in the log."""
    store = SqliteStore.open(str(site.data), clock=SystemClock())
    try:
        events = store.read(None, after=0, limit=10_000)
    finally:
        store.close()
    chosen = [p for event in events if isinstance(p := event.decode(), RouteChosen)]
    items = [msgspec.json.decode(event.payload)["item"] for event in events if event.event == "item.completed"]
    notes = [one.detail or "" for one in msgspec.convert(items, list[Item]) if one.kind == "status"]
    return chosen, notes


@pytest.fixture
def settings(site: "Site") -> Any:
    """Writes the settings file."""

    def write(text: str) -> None:
        del site.env["DEEPSEEK_MODEL"]
        site.home.mkdir()
        (site.home / "config.toml").write_text(text)

    return write


@pytest.mark.parametrize("error", ["authentication", "quota", "overloaded"])
async def test_the_next_route_answers_and_the_thread_says_so(
    error: str, site: "Site", model_of: "ModelOf", settings: Any
) -> None:
    first, second = model_of(REFUSING.format(error=error)), model_of(FINE)
    settings(TWO.format(first=first.url, second=second.url))
    done = site.run("exec", "hello")
    assert (done.code, done.out) == (0, "Here I am.\n"), done.err
    assert "two by two answers instead" in done.err
    [chosen], notes = logged(site)
    assert (chosen.cause, chosen.provider, chosen.model) == ("fallback", "two", "two")
    assert any(note.endswith("two by two answers instead.") for note in notes)
    assert [body["model"] for body in await bodies(second)] == ["two"]


async def test_a_refusal_of_the_request_itself_is_not_handed_on(
    site: "Site", model_of: "ModelOf", settings: Any
) -> None:
    first, second = model_of(REFUSING.format(error="context_length")), model_of(FINE)
    settings(TWO.format(first=first.url, second=second.url))
    assert site.run("exec", "hello").code == 1
    assert await bodies(second) == []


@pytest.mark.parametrize(
    ("prompt", "model", "reason", "calls"),
    [
        ("hello", "fast-model", "the message is short", 1),
        ("please refactor the parser", "strong-model", "the message says 'refactor'", 1),
        ("tell me about the thing of which we have spoken " * 4, "strong-model", "the router chose strong", 2),
    ],
)
async def test_auto_chooses_and_says_why(
    prompt: str, model: str, reason: str, calls: int, site: "Site", model_of: "ModelOf", settings: Any
) -> None:
    server = model_of(FINE)
    settings(AUTO.format(url=server.url))
    done = site.run("exec", prompt)
    assert (done.code, done.out) == (0, "Here I am.\n"), done.err
    [chosen], _ = logged(site)
    assert (chosen.cause, chosen.provider, chosen.model, chosen.reason) == ("auto", "own", model, reason)
    asked = await bodies(server)
    assert (asked[-1]["model"], len(asked)) == (model, calls)


async def test_what_runs_here_is_listed_and_offered(site: "Site", model_of: "ModelOf") -> None:
    server = model_of(FINE)
    del site.env["DEEPSEEK_API_KEY"]
    here = {"OLLAMA_BASE_URL": server.url, "DEEPSEEK_BASE_URL": "https://api.deepseek.com"}
    listed = site.run("models", env=here)
    assert listed.code == 0, listed.err
    assert "could not be asked: No API key for deepseek." in listed.out
    assert f"ollama at {server.url}: strong-model, fast-model" in listed.out
    refused = site.run("exec", "hello", env=here)
    assert refused.code == 1
    assert "--provider ollama --model strong-model" in refused.err


async def test_models_are_asked_of_the_provider_and_kept_for_a_while(
    site: "Site", model_of: "ModelOf", settings: Any
) -> None:
    server = model_of(FINE)
    settings(AUTO.format(url=server.url))
    first = msgspec.json.decode(site.run("models", "--json").out)["in_use"]
    assert [one["id"] for one in first["models"]] == ["strong-model", "fast-model"]
    again = msgspec.json.decode(site.run("models", "--json").out)["in_use"]
    assert (first["source"], again["source"]) == ("the provider", "the provider, a moment ago")
    assert again["models"] == first["models"]
    refreshed = msgspec.json.decode(site.run("models", "--json", "--refresh").out)["in_use"]
    assert refreshed["source"] == "the provider"


async def test_a_route_is_explained_without_its_key(site: "Site", model_of: "ModelOf", settings: Any) -> None:
    settings(TWO.format(first="http://127.0.0.1:9/v1", second="http://127.0.0.1:9"))
    done = site.run("model", "resolve", "--provider", "two")
    assert done.code == 0, done.err
    assert "sk-" not in done.out + done.err
    rows = {line.split()[0]: line for line in done.out.splitlines()}
    assert "http://127.0.0.1:9/v1/messages" in rows["endpoint"]
    assert "providers.two.dialect" in rows["dialect"]
    assert "config.toml" in rows["key"]
    assert "unknown" in rows["price"]
