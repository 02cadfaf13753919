import pkgutil
from importlib import import_module

import msgspec
import pytest

import codewhale.tools
from codewhale.tools.registry import ENTRIES, find, item_kind, offered, unknown_tool
from codewhale.tools.schema import spec
from codewhale.tools.tool import Tool

ASK = {
    *("task_create", "task_cancel", "github_comment", "github_close_issue"),
    *(f"automation_{what}" for what in ("create", "update", "pause", "resume", "delete", "run")),
}
"""Tools that change neither files nor run programs, and yet do what a person should have allowed."""


def defined() -> dict[str, Tool]:
    modules = [import_module(f"codewhale.tools.{m.name}") for m in pkgutil.iter_modules(codewhale.tools.__path__)]
    return {tool.name: tool for module in modules for tool in getattr(module, "TOOLS", ())}


def test_every_tool_is_listed_and_every_listed_tool_exists() -> None:
    assert sorted(defined()) == sorted(ENTRIES)
    assert {name: find(name) for name in ENTRIES} == defined()


def test_the_model_is_shown_what_the_modules_say() -> None:
    assert list(offered("yolo", allow_shell=True)) == [spec(defined()[name]) for name in ENTRIES], "./run reference"


@pytest.mark.parametrize("tool", defined().values(), ids=lambda tool: tool.name)
def test_kind_and_default_follow_from_the_effects(tool: Tool) -> None:
    kind = (
        "command_execution" if "execute" in tool.effects else "file_change" if "write" in tool.effects else "tool_call"
    )
    watches_shell = tool.name in ("exec_shell_wait", "task_shell_wait")  # only where there is a shell, though they read
    assert item_kind(tool.name) in (kind, *(["command_execution"] if watches_shell else []))
    asks = bool(tool.effects & {"write", "execute"}) or tool.name in ASK
    assert tool.default == ("ask" if asks else "allow")
    assert tool.arguments.__struct_config__.forbid_unknown_fields
    assert tool.describe is not None or not tool.effects & {"write", "execute", "network"}
    assert tool.hosts is not None or "network" not in tool.effects, "the network policy is asked about hosts"


def test_every_schema_is_small_and_every_description_short() -> None:
    for shown in offered("yolo", allow_shell=True):
        assert len(msgspec.json.encode(shown)) <= 2 * 1024, shown.name
        assert len(shown.description.split()) <= 60, shown.name


@pytest.mark.parametrize("tool", defined().values(), ids=lambda tool: tool.name)
def test_arguments_of_every_tool_can_be_decoded(tool: Tool) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.Decoder(tool.arguments).decode("[]")


@pytest.mark.parametrize("name", ["", "Read_File", "read_file ", "read", "functions.read_file", "../read_file", "tool"])
def test_names_are_exact(name: str) -> None:
    assert find(name) is None
    assert item_kind(name) == "tool_call"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("read-file", "There is no tool 'read-file'. Did you mean read_file? Available: read_file, list_dir."),
        ("list_dir_tool", "There is no tool 'list_dir_tool'. Did you mean list_dir? Available: read_file, list_dir."),
        ("teleport", "There is no tool 'teleport'. Available: read_file, list_dir."),
        ("note_", "There is no tool 'note_'. Did you mean note? Available: read_file, list_dir."),
    ],
)
def test_an_unknown_name_gets_suggestions(name: str, text: str) -> None:
    assert unknown_tool(name, ["read_file", "list_dir"], ["note"]) == text


def test_calls_inside_a_call_are_refused_with_the_way_to_do_it() -> None:
    assert unknown_tool("multi_tool_use.parallel", ["read_file"]).startswith(
        "There is no tool that calls tools. Send the"
    )
