"""Routes: where a call goes, what it carries, and what is never shown. Profiles: what is known as data."""

import pytest

from codewhale.domain.errors import ConfigError
from codewhale.llm.profiles import (
    fits,
    load_profile,
    model_facts,
    named_window,
    output_limit,
    profile_ids,
    window_source,
)
from codewhale.llm.route import PATHS, RouteWish, call_url, make_route, request_headers
from codewhale.llm.transport.url import is_loopback, parse_url

BASELINE = {
    "atlascloud", "deepseek", "deepseek-cn", "fireworks", "novita", "nvidia-nim", "ollama", "openai", "openrouter",
    "sglang", "vllm", "wanjie-ark",
}  # fmt: skip
SECRET = "sk-very-secret-1234"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.deepseek.com", "https://api.deepseek.com/v1/chat/completions"),
        ("https://api.deepseek.com/beta", "https://api.deepseek.com/beta/chat/completions"),
        ("https://api.deepseek.com/v1/", "https://api.deepseek.com/v1/chat/completions"),
        ("https://maas.example/api/v4", "https://maas.example/api/v4/chat/completions"),
        ("https://g.example/v1beta/openai", "https://g.example/v1beta/openai/chat/completions"),
        ("http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
        ("https://x.example/inference/chat/completions", "https://x.example/inference/chat/completions"),
        ("https://x.example/voices", "https://x.example/voices/v1/chat/completions"),
        ("https://x.example/v1?api-version=7", "https://x.example/v1/chat/completions?api-version=7"),
        ("HTTPS://Example.COM:443/v1", "https://example.com/v1/chat/completions"),
        ("https://[::1]:8080/v1", "https://[::1]:8080/v1/chat/completions"),
        ("https://bücher.example/v1", "https://xn--bcher-kva.example/v1/chat/completions"),
    ],
)
def test_where_to_post(base: str, url: str) -> None:
    assert call_url(base, "chat").full == url


@pytest.mark.parametrize(
    "text", ["", "api.example.com", "ftp://x", "https://", "https://x:0", "https://x:http", "https://x y/", "https://[::1", "https://x/\x07"]
)  # fmt: skip
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_url(text)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("127.0.0.1.evil.com", False),
        ("127.evil.com", False),
        ("127.0.0.256", False),
        ("localhost.evil.com", False),
        ("192.168.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_what_is_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) == own


def test_plain_http_leaves_this_machine_only_when_allowed() -> None:
    with pytest.raises(ConfigError) as caught:
        make_route("deepseek", RouteWish(base_url="http://10.0.0.7/v1", api_key="k"))
    assert "DEEPSEEK_ALLOW_INSECURE_HTTP" in (caught.value.hint or "")
    assert make_route("deepseek", RouteWish(base_url="http://10.0.0.7/v1", api_key="k", allow_insecure_http=True))
    assert make_route("ollama", RouteWish()).url.full == "http://localhost:11434/v1/chat/completions"


def test_secrets_are_never_shown() -> None:
    wish = RouteWish(
        base_url=f"https://user:{SECRET}@gateway.example/v1?key={SECRET}",
        api_key=SECRET,
        headers=(("X-Token", SECRET),),
        proxy=f"http://me:{SECRET}@proxy",
    )
    route = make_route("openai", wish)
    assert SECRET not in f"{wish!r} {route!r} {route} {route.display_url}"
    assert route.display_url == "https://gateway.example/v1/chat/completions"


def test_the_key_is_a_bearer_and_a_user_in_the_url_is_basic() -> None:
    keyed = make_route("openai", RouteWish(api_key="k", headers=(("X-A", "1"),)))
    assert request_headers(keyed) == (("Authorization", "Bearer k"), ("X-A", "1"))
    basic = make_route("custom", RouteWish(base_url="https://u:p@x.example/v1", model="m"))
    assert request_headers(basic) == (("Authorization", "Basic dTpw"),)
    assert request_headers(make_route("ollama", RouteWish())) == ()


@pytest.mark.parametrize("name", ["Authorization", "content-type", "Host", "Bad Name", "X\nY"])
def test_headers_that_are_ours_or_broken_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        make_route("ollama", RouteWish(headers=((name, "x"),)))


def test_a_key_with_a_line_break_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        request_headers(make_route("openai", RouteWish(api_key=f"{SECRET}\n")))
    assert SECRET not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("provider", "wish", "words"),
    [
        ("deepseek", RouteWish(), "DEEPSEEK_API_KEY"),
        ("nobody", RouteWish(model="m"), "base_url"),
        ("nobody", RouteWish(base_url="http://localhost:1"), "--model"),
        ("../../etc/passwd", RouteWish(model="m"), "base_url"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(provider: str, wish: RouteWish, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_route(provider, wish)
    assert words in (caught.value.hint or "")


def test_any_server_works_from_its_address_alone() -> None:
    route = make_route("mine", RouteWish(base_url="http://127.0.0.1:9999", model="m"))
    assert (route.provider, route.model, route.url.port, route.window, route.max_output) == (
        "mine",
        "m",
        9999,
        128_000,
        None,
    )


def test_every_profile_is_usable() -> None:
    ids = set(profile_ids())
    extras = {"mistral", "groq", "together", "xai", "lmstudio", "llama.cpp", "gemini", "anthropic"}
    assert ids >= BASELINE | extras
    for provider in ids:
        profile = load_profile(provider)
        assert profile is not None
        assert profile.id == provider
        assert profile.keyless or profile.key_env
        route = make_route(provider, RouteWish(api_key="k"))
        assert route.url.target.endswith(PATHS[route.dialect])
        assert (route.max_output or 1) <= route.window


def test_what_is_known_of_deepseek() -> None:
    route = make_route("deepseek", RouteWish(api_key="k", effort="max"))
    assert (route.model, route.url.full) == ("deepseek-v4-pro", "https://api.deepseek.com/beta/chat/completions")
    assert (route.window, route.max_output, route.quirks.replay) == (1_000_000, 65_536, "reasoning_content")
    assert route.quirks.effort["off"] == {"thinking": {"type": "disabled"}}
    assert route.quirks.effort["max"] == {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}


def test_settings_win_over_the_profile() -> None:
    route = make_route("ollama", RouteWish(model="q", window=200_000, max_output=99, effort="off"))
    assert (route.model, route.window, route.max_output, route.quirks.default_effort) == ("q", 200_000, 99, "off")


def test_facts_come_from_the_first_entry_that_says_something() -> None:
    profile = load_profile("openrouter")
    assert profile is not None
    facts = model_facts(profile, "deepseek/DeepSeek-V4-Pro")
    assert (facts.window, facts.max_output, facts.replay) == (1_000_000, 384_000, True)
    plain = model_facts(profile, "meta/llama")
    assert (plain.window, plain.max_output, plain.replay) == (128_000, None, False)


@pytest.mark.parametrize(
    ("pattern", "name", "fit"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("a*", "ab", True),
        ("*b", "ab", True),
        ("*reasoner*", "my-reasoner-2", True),
        ("a*b*c", "axbyc", True),
        ("a*b*c", "acb", False),
        ("ab*b", "ab", False),
        ("*", "", True),
    ],
)
def test_patterns(pattern: str, name: str, fit: bool) -> None:
    assert fits(pattern, name) == fit


@pytest.mark.parametrize(
    ("window", "ceiling", "known", "limit"),
    [
        (1_000_000, 384_000, True, 65_536),
        (1_000_000, None, True, 65_536),
        (64_000, None, True, 32_000),
        (128_000, 4_096, True, 4_096),
        (128_000, None, False, None),
    ],
)
def test_the_output_limit(window: int, ceiling: int | None, known: bool, limit: int | None) -> None:
    assert output_limit(window, ceiling, known=known) == limit


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("qwen2.5-coder-32k", 32_000),
        ("x/moonshot-v1-128k", 128_000),
        ("anthropic/claude-opus-4-7", 200_000),
        ("llama3.1:8b", None),
        ("kimi-k2", None),
        ("10000k", None),
        ("k", None),
    ],
)
def test_what_a_name_says_of_the_window(model: str, window: int | None) -> None:
    assert named_window(model) == window


def test_a_guess_at_the_window_is_told_from_what_is_known() -> None:
    profile = load_profile("deepseek")
    assert profile is not None
    found = [window_source(profile, name) for name in ("deepseek-v4-pro", "deepseek-64k", "deepseek-other")]
    assert found == ["known", "name", "default"]


@pytest.mark.parametrize(
    ("given", "name"),
    [("deepseek-v4pro", "deepseek-v4-pro"), ("DeepSeek-V4-Flash", "deepseek-v4-flash"), ("My-Own", "My-Own")],
)
def test_other_spellings_of_a_known_model(given: str, name: str) -> None:
    assert make_route("deepseek", RouteWish(model=given, api_key="k")).model == name
    assert make_route("mine", RouteWish(model=given, base_url="https://x.example/v1")).model == given


@pytest.mark.parametrize(
    ("provider", "wish", "dialect", "url"),
    [
        ("openai", RouteWish(api_key="k", model="gpt-5.5"), "responses", "https://api.openai.com/v1/responses"),
        ("openai", RouteWish(api_key="k"), "chat", "https://api.openai.com/v1/chat/completions"),
        (
            "openai",
            RouteWish(api_key="k", model="gpt-5.5", base_url="https://gateway.example/v1"),
            "chat",
            "https://gateway.example/v1/chat/completions",
        ),
        ("anthropic", RouteWish(api_key="k"), "anthropic", "https://api.anthropic.com/v1/messages"),
        (
            "mine",
            RouteWish(model="m", dialect="anthropic", base_url="https://x.example/v1/messages"),
            "anthropic",
            "https://x.example/v1/messages",
        ),
        (
            "mine",
            RouteWish(model="m", dialect="responses", base_url="https://x.example"),
            "responses",
            "https://x.example/v1/responses",
        ),
    ],
)
def test_the_dialect_of_a_route(provider: str, wish: RouteWish, dialect: str, url: str) -> None:
    route = make_route(provider, wish)
    assert (route.dialect, route.url.full) == (dialect, url)


def test_the_effort_is_in_the_words_of_the_dialect() -> None:
    def fields(provider: str, **wish: object) -> object:
        return make_route(provider, RouteWish(api_key="k", effort="high", **wish)).quirks.fields(None)  # type: ignore[arg-type]

    summary = {"reasoning": {"effort": "high", "summary": "auto"}}
    assert fields("openai", model="gpt-5.5") == summary
    assert fields("openai", model="gpt-4.1") == {}
    adaptive = {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}}
    assert fields("anthropic", model="claude-opus-5-5") == adaptive
    assert fields("anthropic", model="claude-haiku-4-5") == {"thinking": {"type": "enabled", "budget_tokens": 16384}}
    assert fields("anthropic", model="kimi-k2") == {}
