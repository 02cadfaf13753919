import pkgutil
from importlib import import_module

import msgspec
import pytest

import codewhale.tools
from codewhale.policy.mode import Mode
from codewhale.tools.registry import ENTRIES, find, item_kind, offered, unknown_tool
from codewhale.tools.schema import spec
from codewhale.tools.tool import Tool

READS = ["read_file", "list_dir", "grep_files", "file_search"]
WRITES = ["edit_file", "write_file", "apply_patch"]
TALKS = ["update_plan", "checklist_write", "request_user_input"]


def defined() -> dict[str, Tool]:
    modules = [import_module(f"codewhale.tools.{m.name}") for m in pkgutil.iter_modules(codewhale.tools.__path__)]
    return {tool.name: tool for module in modules for tool in getattr(module, "TOOLS", ())}


def test_every_tool_is_listed_and_every_listed_tool_exists() -> None:
    assert sorted(defined()) == sorted(ENTRIES)
    assert {name: find(name) for name in ENTRIES} == defined()


def test_the_model_is_shown_what_the_modules_say() -> None:
    assert list(offered("yolo", allow_shell=True)) == [spec(defined()[name]) for name in ENTRIES], "./run reference"


@pytest.mark.parametrize(
    ("mode", "allow_shell", "names"),
    [
        ("agent", False, [*READS, *WRITES, *TALKS]),
        ("agent", True, [*READS, *WRITES, "exec_shell", *TALKS]),
        ("yolo", False, [*READS, *WRITES, "exec_shell", *TALKS]),
        ("plan", True, [*READS, *TALKS]),
    ],
)
def test_what_is_offered_and_in_which_order(mode: Mode, *, allow_shell: bool, names: list[str]) -> None:
    assert [tool.name for tool in offered(mode, allow_shell=allow_shell)] == names


@pytest.mark.parametrize("tool", defined().values(), ids=lambda tool: tool.name)
def test_kind_and_default_follow_from_the_effects(tool: Tool) -> None:
    kind = (
        "command_execution" if "execute" in tool.effects else "file_change" if "write" in tool.effects else "tool_call"
    )
    assert item_kind(tool.name) == kind
    assert tool.default == ("ask" if tool.effects & {"write", "execute"} else "allow")
    assert tool.arguments.__struct_config__.forbid_unknown_fields
    assert tool.describe is not None or not tool.effects & {"write", "execute", "network"}
    assert tool.hosts is not None or "network" not in tool.effects, "the network policy is asked about hosts"


def test_all_schemas_together_are_small() -> None:
    specs = offered("yolo", allow_shell=True)
    assert sum(len(s.description.encode()) + len(msgspec.json.encode(s.parameters)) for s in specs) <= 8 * 1024


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
        ("exec_shell", "The tool exec_shell is not available in this mode. Available: read_file, list_dir."),
    ],
)
def test_an_unknown_name_gets_suggestions(name: str, text: str) -> None:
    assert unknown_tool(name, ["read_file", "list_dir"]) == text
