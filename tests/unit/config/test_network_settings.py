"""`[network]` and `[search]`: what holds without them, whose key goes where, and what is refused."""

from pathlib import Path

import pytest

from codewhale.config.load import Overrides, load
from codewhale.config.search import search_problem
from codewhale.config.settings import Search, Secret, Settings
from codewhale.domain.errors import ConfigError
from codewhale.domain.network import OPEN, NetworkPolicy


def loaded(home: Path, toml: str, **env: str) -> Settings:
    (home / "config.toml").write_text(toml)
    return load(Overrides(), environ={"CODEWHALE_HOME": str(home), **env})


def test_without_rules_every_public_host_may_be_reached(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert (settings.network, settings.search) == (OPEN, Search())
    assert search_problem(settings.search) is None


def test_with_rules_what_is_in_none_is_asked_about(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[network]\n").network == NetworkPolicy(default="prompt")
    assert loaded(tmp_path, "[network]\nallow = []\n").network == NetworkPolicy(default="prompt")


def test_rules_are_kept_in_one_spelling(tmp_path: Path) -> None:
    toml = """
[network]
default = "deny"
allow = ["Docs.Example", "*.Wide.example"]
deny = [".bücher.example"]
proxy = ["tunnelled.example"]
audit = false
"""
    assert loaded(tmp_path, toml).network == NetworkPolicy(
        default="deny",
        allow=("docs.example", ".wide.example"),
        deny=(".xn--bcher-kva.example",),
        proxy=("tunnelled.example",),
        audit=False,
    )


@pytest.mark.parametrize("rule", ["*", "https://a.example", "a.example:443", "10.0.0.0/8", "a b", "a.example."])
def test_a_rule_that_cannot_be_used_is_fatal(tmp_path: Path, rule: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml: network\.deny: .* cannot be used") as refused:
        loaded(tmp_path, f'[network]\ndeny = ["{rule}"]\n')
    assert refused.value.hint == "write a host like docs.example.com, or .example.com for its subdomains"


def test_unknown_keys_are_reported(tmp_path: Path) -> None:
    problems = loaded(tmp_path, '[network]\nalow = []\n[search]\nprovder = "bing"\n').problems
    assert [(p.key, p.suggestion) for p in problems] == [
        ("network.alow", "network.allow"),
        ("search.provder", "search.provider"),
    ]


def test_the_environment_chooses_the_service_before_the_file(tmp_path: Path) -> None:
    file = '[search]\nprovider = "tavily"\napi_key = "of-file"\n'
    assert loaded(tmp_path, file).search == Search(provider="tavily", api_key=Secret("of-file"))
    assert loaded(tmp_path, file, TAVILY_API_KEY="v").search == Search(provider="tavily", api_key=Secret("v"))
    assert loaded(tmp_path, file, TAVILY_API_KEY="v", DEEPSEEK_SEARCH_API_KEY="e").search.api_key == Secret("e")
    brave = loaded(tmp_path, file, DEEPSEEK_SEARCH_PROVIDER="brave").search
    assert brave == Search(provider="brave"), "a key in the file is for the service that the file names"
    assert search_problem(brave) == "brave needs a key: set BRAVE_API_KEY or search.api_key"


def test_a_service_without_keys_is_sent_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, "", DEEPSEEK_SEARCH_API_KEY="e").search == Search()


def test_an_instance_of_ones_own_needs_its_address(tmp_path: Path) -> None:
    own = loaded(tmp_path, '[search]\nprovider = "searxng"\nurl = "http://localhost:8888"\n').search
    assert (own.url, search_problem(own)) == ("http://localhost:8888", None)
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, '[search]\nurl = "http://a:secret@localhost/"\n')
    assert "secret" not in refused.value.in_full()
    missing = loaded(tmp_path, '[search]\nprovider = "searxng"\n').search
    assert search_problem(missing) == "searxng needs search.url, the address of your instance"


@pytest.mark.parametrize(
    ("toml", "env"),
    [('[search]\nprovider = "nobody"\n', {}), ("", {"DEEPSEEK_SEARCH_PROVIDER": "nobody"}), ('[network]\ndefault = "ask"\n', {})],
)  # fmt: skip
def test_words_that_mean_nothing_are_refused(tmp_path: Path, toml: str, env: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        loaded(tmp_path, toml, **env)
