"""Every tool there is, in the order in which the model is offered them. A tool's module is imported when it is first called.

What the model is shown of them is in `specs.json`, which `./run reference` writes from the modules: a turn that calls no
tool loads none.

Names are exact: a call of anything else is an error that says what was probably meant, never a guess that runs.
"""

import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module

import msgspec
from msgspec import Struct

from codewhale.domain.messages import ToolSpec
from codewhale.domain.nearest import nearest
from codewhale.domain.records import ItemKind
from codewhale.policy.mode import Mode
from codewhale.tools.tool import Tool


class Entry(Struct, frozen=True):
    """Where the tool is defined (`TOOLS` of a module of this package) and what kind of item a call of it is."""

    module: str
    kind: ItemKind = "tool_call"


ENTRIES: dict[str, Entry] = {
    "read_file": Entry("read_file"),
    "list_dir": Entry("list_dir"),
    "grep_files": Entry("grep_files"),
    "file_search": Entry("file_search"),
    "edit_file": Entry("edit_file", "file_change"),
    "write_file": Entry("write_file", "file_change"),
    "apply_patch": Entry("apply_patch", "file_change"),
    "exec_shell": Entry("exec_shell", "command_execution"),
    "update_plan": Entry("update_plan"),
    "checklist_write": Entry("checklist_write"),
    "request_user_input": Entry("request_user_input"),
}


SPECS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "specs.json")


def offered(mode: Mode, *, allow_shell: bool) -> tuple[ToolSpec, ...]:
    """The tools of a turn, always in the same order. Plan mode has none that writes or executes."""
    shell = mode == "yolo" or (allow_shell and mode != "plan")
    hidden: set[ItemKind] = set() if shell else {"command_execution"}
    if mode == "plan":
        hidden.add("file_change")
    return tuple(spec for spec in _specs() if ENTRIES[spec.name].kind not in hidden)


def find(name: str) -> Tool | None:
    """The tool of exactly this name."""
    return _load(name) if name in ENTRIES else None


def known(name: str) -> bool:
    """Whether `name` is one of ours; what any other tool does is not known here."""
    return name in ENTRIES


def item_kind(name: str) -> ItemKind:
    """The kind of the item that a call of `name` makes, whether there is such a tool or not."""
    entry = ENTRIES.get(name)
    return entry.kind if entry is not None else "tool_call"


def unknown_tool(name: str, offered_names: Sequence[str]) -> str:
    """What the model is told when it calls something that it was not offered."""
    shown = name if len(name) <= 64 else name[:61] + "..."
    if name in ENTRIES:
        return f"The tool {shown} is not available in this mode. Available: {', '.join(offered_names)}."
    meant = nearest(name.strip().replace("-", "_").removesuffix("_tool"), offered_names)
    hint = f" Did you mean {meant}?" if meant is not None else ""
    return f"There is no tool {shown!r}.{hint} Available: {', '.join(offered_names)}."


@cache
def _specs() -> tuple[ToolSpec, ...]:
    with open(SPECS, "rb") as file:
        return msgspec.json.decode(file.read(), type=tuple[ToolSpec, ...])


@cache
def _load(name: str) -> Tool:
    module = import_module(f"codewhale.tools.{ENTRIES[name].module}")
    tools: tuple[Tool, ...] = module.TOOLS
    return next(tool for tool in tools if tool.name == name)
