"""Which layer's word holds, told and in force: for each of these, `explain` and `load` must say the same."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from codewhale.config.explain import Explained, Explainer
from codewhale.config.layers import Layer
from codewhale.config.load import Overrides
from codewhale.domain.errors import ConfigError, InvalidInput


class Machine(Struct):
    """A home, a workspace and the folder of managed files."""

    root: Path
    env: dict[str, str] = {}

    def file(self, name: str, text: str) -> "Machine":
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return self

    def explain(self, *path: str, profile: str | None = None, **flags: Any) -> Explained:
        work = self.root / "work"
        work.mkdir(exist_ok=True)
        env = {"CODEWHALE_HOME": str(self.root / "home"), **self.env}
        over = Overrides(profile=profile, layer=Layer(workspace=str(work), **flags))
        return Explainer(over, env, str(self.root / "etc")).explain(path)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(root=tmp_path)


def held(found: Explained) -> tuple[object, str]:
    return found.value, found.source


def test_each_layer_hides_the_one_below(machine: Machine) -> None:
    assert held(machine.explain("model")) == ("deepseek-v4-pro", "default")
    machine.file("home/config.toml", 'model = "of-file"\n[profiles.p]\nmodel = "of-profile"\n')
    assert held(machine.explain("model")) == ("of-file", "file")
    assert held(machine.explain("model", profile="p")) == ("of-profile", "profile")
    machine.file("home/.env", "DEEPSEEK_MODEL='of-dotenv'\n")
    assert held(machine.explain("model", profile="p")) == ("of-dotenv", "dotenv")
    machine.env = {"DEEPSEEK_MODEL": "of-env"}
    assert held(machine.explain("model", profile="p")) == ("of-env", "environment")
    machine.env["CODEWHALE_MODEL"] = "newer"
    assert held(machine.explain("model", profile="p")) == ("newer", "environment")
    machine.file("etc/managed_config.toml", 'model = "of-machine"\n')
    assert held(machine.explain("model", profile="p")) == ("of-machine", "managed")
    assert held(machine.explain("model", profile="p", model="of-flag")) == ("of-flag", "command line")


def test_the_explanation_has_every_word_in_order_and_one_that_holds(machine: Machine) -> None:
    machine.file("home/config.toml", "[retry]\nmax_retries = 7\n[profiles.p.retry]\nmax_retries = 1\n")
    found = machine.explain("retry", "max_retries", profile="p")
    assert [(word.source, word.value, word.state) for word in found.words] == [
        ("default", 3, "hidden"),
        ("file", 7, "hidden"),
        ("profile", 1, "holds"),
    ]
    assert found.means == "how often"


def test_a_managed_file_wins_over_what_would_be_more_particular(machine: Machine) -> None:
    machine.env = {"DEEPSEEK_MODEL": "of-env", "OPENAI_BASE_URL": "https://env.example/v1"}
    machine.file("home/config.toml", 'provider = "openai"\n[providers.openai]\nmodel = "mine"\nmax_output = 300\n')
    machine.file(
        "etc/managed_config.toml", 'model = "theirs"\n[providers.openai]\nbase_url = "https://corp.example/v1"\n'
    )
    assert held(machine.explain("model")) == ("theirs", "managed")
    assert held(machine.explain("providers", "openai", "base_url")) == ("https://corp.example/v1", "managed")
    assert held(machine.explain("providers", "openai", "max_output")) == (300, "file")
    said = machine.explain("model").words
    assert ("DEEPSEEK_MODEL", "ignored", "a managed file sets this") in [(w.place, w.state, w.why) for w in said]


def test_a_managed_file_adds_leaf_by_leaf_and_its_paths_are_its_own(machine: Machine) -> None:
    machine.file("home/config.toml", "[retry]\ninitial_delay = 2.0\nmax_retries = 7\n")
    machine.file("etc/managed_config.toml", 'notes_path = "notes.md"\n[retry]\nmax_retries = 1\n')
    assert held(machine.explain("retry", "max_retries")) == (1, "managed")
    assert held(machine.explain("retry", "initial_delay")) == (2.0, "file")
    assert held(machine.explain("notes_path")) == (str(machine.root / "etc/notes.md"), "managed")


def test_the_machines_own_managed_file_cannot_be_named_away(machine: Machine) -> None:
    machine.file("etc/managed_config.toml", "max_steps = 5\n")
    machine.file("mine.toml", "max_steps = 9\nmode = 'plan'\n")
    machine.env = {"DEEPSEEK_MANAGED_CONFIG_PATH": str(machine.root / "mine.toml")}
    assert held(machine.explain("max_steps")) == (5, "managed")
    assert held(machine.explain("mode")) == ("plan", "managed")
    machine.env = {"DEEPSEEK_MANAGED_CONFIG_PATH": str(machine.root / "gone.toml")}
    with pytest.raises(ConfigError, match=r"DEEPSEEK_MANAGED_CONFIG_PATH names .*, which is not there"):
        machine.explain("mode")


@pytest.mark.parametrize(
    ("key", "mine", "project", "value", "source"),
    [
        ("allow_shell", True, "false", False, "project"),
        ("mode", '"yolo"', '"plan"', "plan", "project"),
        ("approval_policy", '"auto"', '"on-request"', "on-request", "project"),
        ("approval_policy", '"never"', '"on-request"', "never", "file"),
        ("sandbox_mode", '"danger-full-access"', '"workspace-write"', "workspace-write", "project"),
        ("sandbox_mode", '"read-only"', '"workspace-write"', "read-only", "file"),
    ],
)
def test_a_project_tightens(machine: Machine, key: str, mine: object, project: str, value: object, source: str) -> None:
    machine.file("home/config.toml", f"{key} = {str(mine).replace('True', 'true')}\n")
    machine.file("work/.deepseek/config.toml", f"{key} = {project}\n")
    assert held(machine.explain(key)) == (value, source)


def test_a_project_never_widens_and_is_told_so(machine: Machine) -> None:
    machine.file("work/.deepseek/config.toml", 'approval_policy = "auto"\nmodel = "x"\n')
    found = machine.explain("approval_policy")
    assert held(found) == ("on-request", "default")
    assert [word.why for word in found.words if word.state == "ignored"] == [
        "a project can only tighten; 'auto' is ignored"
    ]
    model = machine.explain("model")
    assert [word.why for word in model.words if word.state == "ignored"] == ["a project cannot set this"]


def test_requirements_are_met_or_nothing_starts(machine: Machine) -> None:
    machine.file("etc/requirements.toml", 'allowed_approval_policies = ["untrusted", "never"]\n')
    found = machine.explain("approval_policy")
    assert held(found) == ("on-request", "default")
    assert [(w.source, w.value, w.state) for w in found.words][-1] == ("requirements", ["on-request", "never"], "met")
    machine.env = {"DEEPSEEK_APPROVAL_POLICY": "auto"}
    with pytest.raises(
        ConfigError, match=r'approval_policy "auto" is not allowed on this machine: .*/requirements.toml'
    ):
        machine.explain("approval_policy")
    machine.env = {"DEEPSEEK_YOLO": "1"}
    with pytest.raises(ConfigError, match='mode "yolo" is not allowed'):
        machine.explain("mode")


def test_all_requirements_together(machine: Machine) -> None:
    machine.file("etc/requirements.toml", 'allowed_sandbox_modes = ["read-only", "workspace-write"]\n')
    machine.file("more.toml", 'allowed_sandbox_modes = ["workspace-write", "danger-full-access"]\n')
    machine.env = {"DEEPSEEK_REQUIREMENTS_PATH": str(machine.root / "more.toml")}
    assert machine.explain("sandbox_mode").words[-1].value == ["workspace-write"]
    machine.file("more.toml", 'allowed_sandbox_modes = ["danger-full-access"]\n')
    with pytest.raises(ConfigError, match="together they allow nothing"):
        machine.explain("sandbox_mode")


@pytest.mark.parametrize(
    "text", ["allowed_approvals = []", "allowed_approval_policies = []", 'allowed_sandbox_modes = ["off"]', "x", 'allowed_approval_policies = ["ask"]'],
)  # fmt: skip
def test_requirements_that_cannot_be_read_are_never_none(machine: Machine, text: str) -> None:
    machine.file("etc/requirements.toml", text)
    with pytest.raises(ConfigError, match=r"requirements\.toml"):
        machine.explain("mode")


def test_secrets_are_never_shown(machine: Machine) -> None:
    machine.file(
        "home/config.toml",
        'api_key = "sk-1234567890abcdef"\nproxy = "http://me:hush-hush@proxy:1?k=hush-hush"\n'
        'http_headers = { X-Key = "hush-hush" }\n[redaction]\nextra = ["hush-hush"]\n',
    )
    assert machine.explain("api_key").value == "(hidden, ends in cdef)"
    shown = [machine.explain(*path) for path in (("proxy",), ("http_headers",), ("redaction", "extra"))]
    assert "hush" not in repr(shown)
    assert shown[0].value == "http://(hidden)@proxy:1?(hidden)"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (("modle",), "did you mean mode?"),
        (("retry", "max_retrys"), "did you mean retry.max_retries?"),
        (("providers", "openai", "modell"), "did you mean providers.openai.model?"),
        (("zzzzzzzzzzzzzzzzz",), "`codewhale config list` shows them all"),
    ],
)
def test_an_unknown_setting_suggests(machine: Machine, path: tuple[str, ...], hint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        machine.explain(*path)
    assert refused.value.hint == hint


def test_old_keys_say_what_to_write_instead(machine: Machine) -> None:
    machine.file("home/config.toml", "yolo = true\n")
    explainer = Explainer(Overrides(), {"CODEWHALE_HOME": str(machine.root / "home")}, str(machine.root / "etc"))
    assert [one.message for one in explainer.settings.problems] == ['does nothing in this version; write mode = "yolo"']


LAYERS = {
    "file": ("home/config.toml", 'model = "file"\nmode = "agent"\nbase_url = "https://file.example"\n'),
    "named": (
        "home/config.toml",
        'model = "file"\nprovider = "openai"\nproviders.openai = { model = "named", base_url = "https://n.example" }\n',
    ),
    "dotenv": ("home/.env", "DEEPSEEK_MODE=plan\nOPENAI_MODEL=of-openai\nDEEPSEEK_BASE_URL=https://dotenv.example\n"),
    "managed": ("etc/managed_config.toml", 'model = "managed"\nbase_url = "https://managed.example"\nmode = "yolo"\n'),
    "project": ("work/.deepseek/config.toml", 'mode = "plan"\n'),
}
VARIABLES = {"DEEPSEEK_MODEL": "env", "CODEWHALE_MODE": "agent", "OPENAI_BASE_URL": "https://env.example"}
KEYS = (
    ("model",), ("mode",), ("base_url",), ("provider",), ("providers", "openai", "model"),
    ("providers", "openai", "base_url"), ("providers", "deepseek", "base_url"),
)  # fmt: skip


@pytest.mark.parametrize("flag", [None, "of-flag"])
@pytest.mark.parametrize("variables", [(), tuple(VARIABLES), ("DEEPSEEK_MODEL",)], ids=["", "all", "model"])
@pytest.mark.parametrize("managed", ["", "managed"])
@pytest.mark.parametrize("layers", [(), ("file",), ("named",), ("file", "dotenv"), ("named", "dotenv", "project")])
def test_the_word_that_holds_is_what_holds(
    machine: Machine, layers: tuple[str, ...], managed: str, variables: tuple[str, ...], flag: str | None
) -> None:
    for layer in filter(None, (*layers, managed)):
        machine.file(*LAYERS[layer])
    machine.env = {name: VARIABLES[name] for name in variables}
    for key in KEYS:
        found = machine.explain(*key, model=flag)
        words = [word for word in found.words if word.state == "holds"]
        assert [word.value for word in words] == ([] if found.value is None else [found.value]), found
