"""Settings: which layer wins, where state lives, what is refused and what is only reported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale.config.layers import Layer
from codewhale.config.load import Overrides, load, places
from codewhale.config.settings import DEFAULT_CORS_ORIGINS, Problem, Retry, Secret, Settings, Stream
from codewhale.domain.errors import ConfigError
from codewhale.domain.tasks import TaskLimits

Loaded = Callable[..., Settings]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def loaded(home: Path) -> Loaded:
    """Settings from a file's text, variables and flags."""

    def make(toml: str | None = None, /, *, env: dict[str, str] | None = None, **flags: Any) -> Settings:
        if toml is not None:
            home.mkdir(exist_ok=True)
            (home / "config.toml").write_text(toml)
        over = Overrides(config=flags.pop("config", None), profile=flags.pop("profile", None), layer=Layer(**flags))
        return load(over, environ={"CODEWHALE_HOME": str(home), **(env or {})})

    return make


def test_without_anything_the_defaults_hold(loaded: Loaded, home: Path) -> None:
    settings = loaded()
    assert (settings.config_path, settings.config_present) == (str(home / "config.toml"), False)
    assert (settings.mode, settings.approval_policy, settings.max_steps) == ("agent", "on-request", 100)
    assert (settings.allow_shell, settings.retry, settings.problems) == (None, Retry(), ())
    assert settings.runtime_api.cors_origins == DEFAULT_CORS_ORIGINS
    assert (settings.route.provider, settings.route.api_key_source) == ("deepseek", "missing")


def test_each_layer_hides_the_one_below(loaded: Loaded) -> None:
    file = 'model = "of-file"\n[profiles.p]\nmodel = "of-profile"\n'
    env = {"DEEPSEEK_MODEL": "of-env"}
    assert loaded(file).route.model == "of-file"
    assert loaded(file, profile="p").route.model == "of-profile"
    assert loaded(file, profile="p", env=env).route.model == "of-env"
    assert loaded(file, profile="p", env=env, model="of-flag").route.model == "of-flag"


def test_a_profile_is_laid_over_tables_key_by_key(loaded: Loaded) -> None:
    file = "[retry]\nmax_retries = 7\ninitial_delay = 2.0\n[profiles.p.retry]\nmax_retries = 1\n"
    assert loaded(file, env={"DEEPSEEK_PROFILE": "p"}).retry == Retry(max_retries=1, initial_delay=2.0)


def test_every_key_of_a_file_arrives(loaded: Loaded) -> None:
    settings = loaded(
        """
        provider = "openai"
        reasoning_effort = "low"
        allow_shell = true
        mode = "plan"
        approval_policy = "deny"
        max_steps = 7
        allow_insecure_http = true
        proxy = "http://proxy:3128"
        ca_file = "/ca.pem"
        [providers.openai]
        api_key = "sk-file"
        base_url = "https://gateway.example/v1"
        model = "m"
        http_headers = { X-Team = "a" }
        context_window = 1000
        max_output = 300
        [stream]
        open_timeout = 5
        idle_timeout = 6
        requests_per_second = 2.5
        burst = 3
        [runtime_api]
        cors_origins = ["http://a"]
        [tasks]
        workers = 8
        wall_limit = 9
        idle_limit = 10.5
        cancel_grace = 1
        """
    )
    assert settings.tasks == TaskLimits(workers=8, wall=9.0, idle=10.5, grace=1.0)
    route = settings.route
    assert (settings.reasoning_effort, settings.allow_shell, settings.mode) == ("low", True, "plan")
    assert (settings.approval_policy, settings.max_steps, settings.allow_insecure_http) == ("never", 7, True)
    assert (settings.proxy, settings.ca_file) == ("http://proxy:3128", "/ca.pem")
    assert settings.stream == Stream(open_timeout=5.0, idle_timeout=6.0, requests_per_second=2.5, burst=3)
    assert settings.runtime_api.cors_origins == (*DEFAULT_CORS_ORIGINS, "http://a")
    assert (route.base_url, route.model, route.http_headers) == ("https://gateway.example/v1", "m", {"X-Team": "a"})
    assert (route.context_window, route.max_output, route.api_key) == (1000, 300, Secret("sk-file"))


def test_cors_origins_add_up_over_the_layers(loaded: Loaded) -> None:
    settings = loaded(
        '[runtime_api]\ncors_origins = ["http://c"]',
        env={"DEEPSEEK_CORS_ORIGINS": "http://b, http://a"},
        cors_origins=("http://a",),
    )
    assert settings.runtime_api.cors_origins == (*DEFAULT_CORS_ORIGINS, "http://a", "http://b", "http://c")


@pytest.mark.parametrize(
    ("env", "moved"),
    [
        ({}, {}),
        (
            {"CODEWHALE_HOME": "/h"},
            {"home": "/h", "tasks": "/h/tasks", "runtime": "/h/tasks/runtime", "auto": "/h/automations"},
        ),
        ({"DEEPSEEK_TASKS_DIR": "/t"}, {"tasks": "/t", "runtime": "/t/runtime"}),
        ({"DEEPSEEK_RUNTIME_DIR": "/r"}, {"runtime": "/r"}),
        ({"DEEPSEEK_TASKS_DIR": "/t", "DEEPSEEK_RUNTIME_DIR": "/r"}, {"tasks": "/t", "runtime": "/r"}),
        ({"DEEPSEEK_AUTOMATIONS_DIR": "/a"}, {"auto": "/a"}),
        ({"DEEPSEEK_TASKS_DIR": "  ", "CODEWHALE_HOME": ""}, {}),
    ],
)
def test_where_state_lives(env: dict[str, str], moved: dict[str, str]) -> None:
    base = str(Path("~/.deepseek").expanduser())
    usual = {"home": base, "tasks": f"{base}/tasks", "runtime": f"{base}/tasks/runtime", "auto": f"{base}/automations"}
    found = places(env)
    assert {"home": found.home, "tasks": found.tasks, "runtime": found.runtime, "auto": found.automations} == {
        **usual,
        **moved,
    }


def test_unknown_keys_are_reported_with_their_path_and_what_was_meant(loaded: Loaded, home: Path) -> None:
    found = loaded('aprovals = 1\n[retry]\nmax_retry = 2\n[providers.x]\nurl = "u"\nbase_url = "http://localhost:1"\n')
    path, said = str(home / "config.toml"), "not a setting of this version; ignored"
    assert found.problems == (
        Problem(path=path, key="aprovals", message=said),
        Problem(path=path, key="retry.max_retry", message=said, suggestion="retry.max_retries"),
        Problem(path=path, key="providers.x.url", message=said),
    )


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('max_steps = "many"', "max_steps: Expected `int`, got `str`"),
        ("[retry]\nmax_retries = -1", "retry.max_retries: Expected `int` >= 0"),
        ("retry = 3", "retry: Expected a table, got `int`"),
        ("[tasks]\nworkers = 9", "tasks.workers: Expected `int` <= 8"),
        ("[tasks]\nidle_limit = 0", "tasks.idle_limit: Expected `float` > 0"),
        ('mode = "turbo"', "mode: Invalid enum value 'turbo'"),
        ('[providers.x]\napi_key = ""', "providers.x.api_key: Expected `str` of length >= 1"),
        ("model = ", "is not valid TOML"),
        ("profiles = 3", "profiles: Expected a table"),
    ],
)
def test_what_cannot_be_used_names_file_and_key(loaded: Loaded, home: Path, toml: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(toml)
    assert str(home / "config.toml") in raised.value.message
    assert says in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("toml", "hint"),
    [
        ('mode = "turbo"', "it may be agent, plan, yolo"),
        ('approval_policy = "ask"', "it may be on-request, suggest, untrusted, auto, never, deny"),
        ("mode = 3", "it may be agent, plan, yolo"),
        ("[retry]\nenabled = 1", "docs/reference/settings.md lists the settings and their types"),
    ],
)
def test_a_word_that_is_not_one_of_a_few_is_told_the_few(loaded: Loaded, toml: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(toml)
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"DEEPSEEK_ALLOW_SHELL": "maybe"}, "DEEPSEEK_ALLOW_SHELL is 'maybe'"),
        ({"DEEPSEEK_MODE": "turbo"}, "DEEPSEEK_MODE is 'turbo'"),
        ({"DEEPSEEK_APPROVAL_POLICY": "perhaps"}, "DEEPSEEK_APPROVAL_POLICY is 'perhaps'"),
        ({"DEEPSEEK_STREAM_IDLE_TIMEOUT_SECS": "soon"}, "DEEPSEEK_STREAM_IDLE_TIMEOUT_SECS is 'soon'"),
        ({"DEEPSEEK_STREAM_OPEN_TIMEOUT_SECS": "0"}, "DEEPSEEK_STREAM_OPEN_TIMEOUT_SECS is '0'"),
        ({"DEEPSEEK_STREAM_OPEN_TIMEOUT_SECS": "nan"}, "DEEPSEEK_STREAM_OPEN_TIMEOUT_SECS is 'nan'"),
        ({"DEEPSEEK_RATE_LIMIT_RPS": "0"}, "DEEPSEEK_RATE_LIMIT_RPS is '0'"),
        ({"DEEPSEEK_RATE_LIMIT_BURST": "many"}, "DEEPSEEK_RATE_LIMIT_BURST is 'many'"),
        ({"DEEPSEEK_CONFIG_PATH": "/nowhere/c.toml"}, "there is no settings file /nowhere/c.toml"),
        ({"DEEPSEEK_PROFILE": "p"}, "profile 'p' was asked for, but there is no settings file"),
        ({"DEEPSEEK_WORKSPACE": "/nowhere"}, "the workspace /nowhere is not a directory"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(loaded: Loaded, env: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(env=env)
    assert says in raised.value.message
    assert raised.value.hint


def test_a_missing_profile_lists_those_that_are_there(loaded: Loaded) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded("[profiles.work]\n[profiles.home]\n", profile="wrok")
    assert raised.value.hint == "profiles there: home, work"


def test_a_directory_where_the_file_should_be(loaded: Loaded, home: Path) -> None:
    (home / "config.toml").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot read the settings file"):
        loaded()


def test_no_secret_is_shown_or_encoded(loaded: Loaded) -> None:
    settings = loaded(env={"DEEPSEEK_API_KEY": "sk-hush", "DEEPSEEK_RUNTIME_TOKEN": "tok-hush"})
    assert settings.route.api_key == Secret("sk-hush")
    assert "hush" not in repr(settings)
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)


def test_tools_that_are_always_loaded_are_named_exactly(loaded: Loaded, home: Path) -> None:
    settings = loaded('[tools]\nalways_load = ["git_status", "git_stat", "mcp_docs_search"]\n')
    assert settings.always_load == ("git_status", "git_stat", "mcp_docs_search")
    assert settings.problems == (
        Problem(
            path=str(home / "config.toml"),
            key="tools.always_load",
            message="there is no tool 'git_stat'; ignored",
            suggestion="git_status",
        ),
    )


def test_notes_lie_beside_the_settings_or_where_somebody_says(loaded: Loaded, home: Path, tmp_path: Path) -> None:
    assert loaded().notes_path == str(home / "notes.txt")
    assert loaded('notes_path = "my/notes.md"\n').notes_path == str(home / "my/notes.md")
    elsewhere = str(tmp_path / "n.txt")
    assert loaded(env={"DEEPSEEK_NOTES_PATH": elsewhere}).notes_path == elsewhere


def test_gh_is_the_one_in_the_path_unless_somebody_says(loaded: Loaded, home: Path, tmp_path: Path) -> None:
    assert loaded().gh_bin is None
    assert loaded('gh_bin = "bin/gh"\n').gh_bin == str(home / "bin/gh")
    elsewhere = str(tmp_path / "gh")
    assert loaded('gh_bin = "bin/gh"\n', env={"DEEPSEEK_GH_BIN": elsewhere}).gh_bin == elsewhere
