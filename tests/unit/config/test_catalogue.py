"""Every setting has its line in the catalogue, does something when it is set, and is read by somebody."""

import ast
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale.config.catalogue import KEYS, OTHERS, VARIABLES, types_of, unread_variables
from codewhale.config.editing import with_value
from codewhale.config.explain import Explainer
from codewhale.config.load import Overrides, load
from codewhale.config.settings import Settings

SRC = Path(__file__).resolve().parents[3] / "src/codewhale"
TYPES = dict(types_of())
CUSTOM = '[lsp.custom.x]\ncommand = "x"\nlanguage_id = "x"\nextensions = [".x"]\n'
TOML: dict[str, str] = {
    "provider": 'provider = "openai"',
    "approval_policy": 'approval_policy = "auto"',
    "network.allow": '[network]\nallow = ["x.example"]',
    "network.deny": '[network]\ndeny = ["x.example"]',
    "network.proxy": '[network]\nproxy = ["x.example"]',
    "redaction.extra": '[redaction]\nextra = ["something"]',
    "lsp.custom.<id>.extensions": CUSTOM.replace(".x", ".y"),
    "base_url": 'base_url = "https://x.example"',
    "providers.<id>.base_url": '[providers.mine]\nbase_url = "https://x.example"',
    "lsp.servers": '[lsp.servers]\npython = ["x"]',
    "hooks.hooks": '[[hooks.hooks]]\nevent = "turn_end"\ncommand = "true"',
    "hooks.sinks": '[[hooks.sinks]]\ntype = "stdout"',
    "hooks.default_timeout_secs": '[hooks]\ndefault_timeout_secs = 5\n[[hooks.hooks]]\nevent = "turn_end"\ncommand = "true"',
    "network.default": '[network]\ndefault = "deny"',
    "search.provider": '[search]\nprovider = "brave"',
    "search.api_key": '[search]\nprovider = "brave"\napi_key = "k"',
    "search.url": '[search]\nprovider = "searxng"\nurl = "http://localhost:1"',
}
"""A file for each key whose value cannot be made up from its type."""
VISION = '[vision_model]\nmodel = "m"\nbase_url = "https://v.example"\n'
BESIDE = {"managed_config_path", "requirements_path"}
"""Keys that only say which further files count; tested with those."""


def loaded(tmp_path: Path, toml: str) -> Settings:
    (tmp_path / "config.toml").write_text(toml)
    return load(Overrides(), environ={"CODEWHALE_HOME": str(tmp_path)}, system=str(tmp_path / "etc"))


def sample(kind: Any, default: object) -> object:
    """A value of this type that is not the default."""
    for value in (
        "one",
        299,
        0.5,
        not default,
        ["one"],
        {"one": "two"},
        {"one": ["two"]},
        [["one"]],
        3,
        17,
        50,
        1500,
        4096,
    ):
        try:
            found = msgspec.to_builtins(msgspec.convert(value, kind, strict=True))
        except (msgspec.ValidationError, TypeError):
            continue
        if found != default and (type(value) in (type(found), list) or isinstance(found, float)):
            return value
    words = re.findall(r"'([^']+)'", str(kind))
    return next(word for word in words if word != default)


def test_every_key_of_a_file_has_its_line_and_no_line_is_without_a_key() -> None:
    assert set(KEYS) == set(TYPES), "a new key needs one line in config/catalogue.py: where its value is, what it means"
    assert [key for key, line in KEYS.items() if not line.means.strip()] == []


@pytest.mark.parametrize("pattern", sorted(set(KEYS) - BESIDE))
def test_a_key_that_is_set_changes_what_holds(tmp_path: Path, pattern: str) -> None:
    base = CUSTOM if pattern.startswith("lsp.custom") else VISION if pattern.startswith("vision") else ""
    before = loaded(tmp_path, base)
    path = pattern.replace("<id>", "x" if base else "openai").split(".")
    text = TOML.get(pattern)
    if text is None:
        default = Explainer(Overrides(), {"CODEWHALE_HOME": str(tmp_path)}, str(tmp_path / "etc")).explain(path).value
        text = with_value(base, path, sample(TYPES[pattern], default))
    after = loaded(tmp_path, text)
    assert msgspec.structs.replace(after, config_present=before.config_present) != before, f"{pattern} is dead:\n{text}"


def test_every_leaf_of_settings_is_read_outside_the_configuration() -> None:
    read: set[str] = set()
    for source in SRC.rglob("*.py"):
        if source.parent.name != "config" or source.name in ("routes.py", "route_facts.py"):
            read |= {node.attr for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Attribute)}
        elif source.name == "settings.py":
            read |= set(re.findall(r"self\.(\w+)", source.read_text()))
    kept_from_programs = {"tasks_dir", "automations_dir"}
    assert set(Settings.__struct_fields__) - read == kept_from_programs


def test_every_variable_that_is_read_has_its_line() -> None:
    read: set[str] = set()
    for source in (SRC / "config").glob("*.py"):
        if source.name == "catalogue.py":
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                read |= set(
                    re.findall(r"^(?:DEEPSEEK|CODEWHALE|HTTPS|ALL|NO|SSL|BRAVE|TAVILY|BOCHA)_[A-Z_]+$", node.value)
                )
    assert read - {"DEEPSEEK_", "CODEWHALE_", "CODEWHALE_HOME"} == {*VARIABLES, *OTHERS} - made_from_a_name()


def made_from_a_name() -> set[str]:
    return {"DEEPSEEK_MANAGED_CONFIG_PATH", "DEEPSEEK_REQUIREMENTS_PATH"}


def test_the_key_that_a_variable_sets_is_one() -> None:
    assert {key for key, _ in (*VARIABLES.values(), *OTHERS.values()) if key} <= set(KEYS)


def test_variables_of_ours_that_nobody_reads_are_told_with_what_was_meant() -> None:
    env = {
        "DEEPSEEK_APROVAL_POLICY": "x",
        "CODEWHALE_MODE": "plan",
        "DEEPSEEK_TELEMETRY": "1",
        "DEEPSEEK_EMPTY": " ",
        "OTHER": "1",
    }
    assert unread_variables(env) == [
        "DEEPSEEK_APROVAL_POLICY is read by nothing in this version; did you mean DEEPSEEK_APPROVAL_POLICY?",
        "DEEPSEEK_TELEMETRY is read by nothing in this version",
    ]
