"""Where model calls go, and that a key goes nowhere else."""

from pathlib import Path
from typing import Any

import pytest

from codewhale.config.layers import Layer
from codewhale.config.load import Overrides, load
from codewhale.config.route_facts import capability, shown_endpoint, why_unusable
from codewhale.config.routes import model_route, route_for
from codewhale.config.settings import Secret, Settings
from codewhale.domain.errors import ConfigError


def loaded(tmp_path: Path, toml: str = "", env: dict[str, str] | None = None, **flags: Any) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(toml)
    return load(Overrides(config=str(file), layer=Layer(**flags)), environ=env or {})


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    env = {"DEEPSEEK_API_KEY": "sk-e", "DEEPSEEK_BASE_URL": "http://127.0.0.1:9/v1", "DEEPSEEK_MODEL": "mock"}
    route = model_route(loaded(tmp_path, env=env))
    assert (route.url.full, route.model, route.api_key) == ("http://127.0.0.1:9/v1/chat/completions", "mock", "sk-e")


def test_a_provider_brings_its_own_address_key_and_model(tmp_path: Path) -> None:
    route = loaded(tmp_path, env={"OPENAI_API_KEY": "sk-o", "DEEPSEEK_API_KEY": "sk-d"}, provider="openai").route
    assert (route.base_url, route.api_key, route.api_key_source) == ("https://api.openai.com/v1", Secret("sk-o"), "env")


def test_deepseek_names_do_not_reach_another_provider(tmp_path: Path) -> None:
    env = {"DEEPSEEK_API_KEY": "sk-d", "DEEPSEEK_BASE_URL": "http://localhost:1"}
    route = loaded(tmp_path, 'api_key = "sk-f"\nbase_url = "http://localhost:2"', env, provider="openai").route
    assert (route.base_url, route.api_key, route.api_key_source) == ("https://api.openai.com/v1", None, "missing")


def test_a_key_in_the_file_hides_one_in_the_environment(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'api_key = "sk-f"', {"DEEPSEEK_API_KEY": "sk-e"})
    assert (settings.route.api_key, settings.route.api_key_source) == (Secret("sk-f"), "config")


def test_a_saved_key_is_not_sent_to_a_host_that_only_a_variable_names(tmp_path: Path) -> None:
    elsewhere = {"DEEPSEEK_BASE_URL": "https://evil.example/v1"}
    assert loaded(tmp_path, 'api_key = "sk-f"', elsewhere).route.api_key is None
    same_host = {"DEEPSEEK_BASE_URL": "https://api.deepseek.com/v1"}
    assert loaded(tmp_path, 'api_key = "sk-f"', same_host).route.api_key == Secret("sk-f")
    flag = loaded(tmp_path, 'api_key = "sk-f"', base_url="https://mine.example/v1")
    assert (flag.route.api_key, flag.route.base_url) == (Secret("sk-f"), "https://mine.example/v1")


def test_any_server_works_from_its_address(tmp_path: Path) -> None:
    toml = '[providers.mine]\nbase_url = "https://llm.example/v1"\nmodel = "m"\napi_key_env = "MY_KEY"\n'
    settings = loaded(tmp_path, toml, {"MY_KEY": "sk-m"}, provider="mine")
    assert (settings.route.model, settings.route.api_key) == ("m", Secret("sk-m"))
    assert model_route(settings).url.full == "https://llm.example/v1/chat/completions"


def test_an_unknown_provider_is_an_error_that_suggests(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, provider="olama")
    assert raised.value.message == "there is no provider 'olama'"
    assert raised.value.hint is not None
    assert raised.value.hint.startswith("did you mean ollama?")


def test_a_thread_may_name_another_provider(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[providers.ollama]\nmodel = "qwen"\n', {"DEEPSEEK_API_KEY": "sk-d"})
    assert route_for(settings, None) is settings.route
    assert (route_for(settings, "ollama").model, model_route(settings, "ollama", "other").model) == ("qwen", "other")


def test_without_a_key_the_error_names_the_variable_and_two_ways_out(tmp_path: Path) -> None:
    problem = why_unusable(loaded(tmp_path))
    assert problem is not None
    assert problem.hint is not None
    assert all(word in problem.hint for word in ("DEEPSEEK_API_KEY", "ollama", "codewhale demo"))


def test_plain_http_to_another_machine_is_refused_unless_allowed(tmp_path: Path) -> None:
    env = {"DEEPSEEK_API_KEY": "sk-d", "DEEPSEEK_BASE_URL": "http://llm.example/v1"}
    assert why_unusable(loaded(tmp_path, env=env)) is not None
    assert why_unusable(loaded(tmp_path, env={**env, "DEEPSEEK_ALLOW_INSECURE_HTTP": "1"})) is None


@pytest.mark.parametrize(
    ("no_proxy", "proxied"),
    [
        ("", True),
        ("other.example", True),
        ("llm.example", False),
        (".example", False),
        ("*.example:443", False),
        ("*", False),
    ],
)
def test_the_proxy_is_used_unless_the_host_is_excepted(tmp_path: Path, no_proxy: str, *, proxied: bool) -> None:
    env = {"DEEPSEEK_API_KEY": "k", "https_proxy": "http://proxy:3128", "NO_PROXY": no_proxy}
    route = model_route(loaded(tmp_path, env=env, base_url="https://llm.example/v1"))
    assert route.proxy == ("http://proxy:3128" if proxied else None)


def test_this_machine_is_never_reached_through_a_proxy(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'proxy = "http://proxy:3128"', base_url="http://localhost:8000/v1")
    assert model_route(settings).proxy is None


def test_a_report_shows_neither_path_nor_password_of_the_address(tmp_path: Path) -> None:
    settings = loaded(tmp_path, base_url="https://user:pw@llm.example:8443/secret?k=v")
    assert shown_endpoint(settings) == "https://llm.example:8443"


def test_a_retiring_model_name_is_pointed_out(tmp_path: Path) -> None:
    found = capability(loaded(tmp_path, model="deepseek-chat"))
    assert found.alias_deprecation is not None
    assert found.alias_deprecation.replacement == "deepseek-v4-flash"
    assert capability(loaded(tmp_path)).alias_deprecation is None
