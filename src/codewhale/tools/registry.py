"""Every tool there is, in the order in which the model is offered them. A tool's module is imported when it is first called.

What the model is shown of them is in `specs.json`, which `./run reference` writes from the modules: a turn that calls no
tool loads none. The essential ones are in the first request of a thread; the others are found with `tool_search`.

Names are exact: a call of anything else is an error that says what was probably meant, never a guess that runs.
"""

import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from codewhale.domain.messages import ToolSpec
from codewhale.domain.nearest import nearest
from codewhale.domain.records import ItemKind
from codewhale.policy.mode import Mode

if TYPE_CHECKING:  # start-up: whoever has a tool has loaded it
    from codewhale.tools.tool import Tool


class Entry(Struct, frozen=True):
    """Where the tool is defined (`TOOLS` of a module of this package) and what kind of item a call of it is. `plan` False:
    plan mode has it not, though its kind would be let in. Of the programs in `needs` one must be there."""

    module: str
    kind: ItemKind = "tool_call"
    essential: bool = False
    plan: bool = True
    needs: tuple[str, ...] = ()


ENTRIES: dict[str, Entry] = {
    "read_file": Entry("read_file", essential=True),
    "list_dir": Entry("list_dir", essential=True),
    "grep_files": Entry("grep_files", essential=True),
    "file_search": Entry("file_search"),
    "edit_file": Entry("edit_file", "file_change", essential=True),
    "write_file": Entry("write_file", "file_change", essential=True),
    "apply_patch": Entry("apply_patch", "file_change", essential=True),
    "exec_shell": Entry("exec_shell", "command_execution", essential=True),
    "update_plan": Entry("update_plan", essential=True),
    "checklist_write": Entry("checklist", essential=True),
    "request_user_input": Entry("request_user_input", essential=True),
    "tool_search": Entry("tool_search", essential=True),
    "exec_shell_wait": Entry("exec_shell_background", "command_execution"),
    "exec_shell_interact": Entry("exec_shell_background", "command_execution"),
    "exec_shell_cancel": Entry("exec_shell_background", "command_execution"),
    "task_shell_start": Entry("task_shell", "command_execution"),
    "task_shell_wait": Entry("task_shell", plan=False),
    "task_gate_run": Entry("task_gate_run", "command_execution"),
    "task_create": Entry("task", plan=False),
    "task_list": Entry("task"),
    "task_read": Entry("task"),
    "task_cancel": Entry("task", plan=False),
    "pr_attempt_record": Entry("pr_attempt", plan=False),
    "pr_attempt_list": Entry("pr_attempt"),
    "pr_attempt_read": Entry("pr_attempt"),
    "pr_attempt_preflight": Entry("pr_attempt"),
    "automation_create": Entry("automation", plan=False),
    "automation_list": Entry("automation"),
    "automation_read": Entry("automation"),
    "automation_update": Entry("automation", plan=False),
    "automation_pause": Entry("automation", plan=False),
    "automation_resume": Entry("automation", plan=False),
    "automation_delete": Entry("automation", plan=False),
    "automation_run": Entry("automation", plan=False),
    "diagnostics": Entry("diagnostics"),
    "checklist_add": Entry("checklist"),
    "checklist_update": Entry("checklist"),
    "checklist_list": Entry("checklist"),
    "project_map": Entry("project_map"),
    "validate_data": Entry("validate_data"),
    "git_status": Entry("git"),
    "git_diff": Entry("git"),
    "git_log": Entry("git"),
    "git_show": Entry("git"),
    "git_blame": Entry("git"),
    "github_issue_context": Entry("github", needs=("gh",)),
    "github_pr_context": Entry("github", needs=("gh",)),
    "github_comment": Entry("github", plan=False, needs=("gh",)),
    "github_close_issue": Entry("github", plan=False, needs=("gh",)),
    "revert_turn": Entry("revert_turn", "file_change"),
    "note": Entry("note", plan=False),
    "fetch_url": Entry("fetch_url"),
    "web_search": Entry("web_search"),
    "retrieve_tool_result": Entry("retrieve_tool_result"),
    "handle_read": Entry("handle_read"),
    "run_tests": Entry("run_tests", "command_execution"),
    "review": Entry("review"),
    "notify": Entry("notify"),
    "load_skill": Entry("load_skill"),
    "remember": Entry("remember", plan=False),
    "image_ocr": Entry("image_ocr", needs=("tesseract",)),
    "image_analyze": Entry("image_analyze", kind="tool_call"),
    "pandoc_convert": Entry("pandoc_convert", "file_change", needs=("pandoc",)),
    "code_execution": Entry("code_execution", "command_execution", needs=("python3", "python")),
    "js_execution": Entry("code_execution", "command_execution", needs=("node",)),
}


OTHER_NAMES = {"exec_wait": "exec_shell_wait", "exec_interact": "exec_shell_interact"}
"""Names that are called and never offered, and the tool that each stands for."""

SPECS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "specs.json")


def offered(mode: Mode, *, allow_shell: bool) -> tuple[ToolSpec, ...]:
    """All tools that a turn may call, found or not, always in the same order."""
    return tuple(spec for spec in _specs().values() if barred(spec.name, mode, allow_shell=allow_shell) is None)


def barred(name: str, mode: Mode, *, allow_shell: bool) -> str | None:
    """Why a turn in this mode has not the tool, in words that fit after "unavailable because"; None when it has."""
    entry = ENTRIES[name]
    if mode == "plan" and (entry.kind != "tool_call" or not entry.plan):
        return "this is plan mode, where nothing is changed and nothing is run"
    if entry.kind == "command_execution" and not (allow_shell or mode == "yolo"):
        return "the shell is switched off for this thread"
    return None


def find(name: str) -> "Tool | None":
    """The tool of exactly this name."""
    return _load(name) if name in ENTRIES else None


def known(name: str) -> bool:
    """Whether `name` is one of ours; what any other tool does is not known here."""
    return name in ENTRIES


def item_kind(name: str) -> ItemKind:
    """The kind of the item that a call of `name` makes, whether there is such a tool or not."""
    entry = ENTRIES.get(OTHER_NAMES.get(name, name))
    return entry.kind if entry is not None else "tool_call"


def every_spec() -> tuple[ToolSpec, ...]:
    """What the model is shown of all tools, in their order."""
    return tuple(_specs().values())


def spec_of(name: str) -> ToolSpec:
    """What the model is shown of a tool that there is."""
    return _specs()[name]


def unknown_tool(name: str, shown: Sequence[str], callable_names: Sequence[str] = ()) -> str:
    """What the model is told when it calls something that there is not. `shown` are in its request, `callable_names` are
    all that it could call."""
    if name.startswith("multi_tool_use"):
        return (
            "There is no tool that calls tools. Send the calls side by side in one answer instead: those that only read run "
            "together."
        )
    told = name if len(name) <= 64 else name[:61] + "..."
    meant = nearest(name.strip().replace("-", "_").removesuffix("_tool"), [*shown, *callable_names])
    hint = f" Did you mean {meant}?" if meant is not None else ""
    more = " Others are found with tool_search." if "tool_search" in shown else ""
    return f"There is no tool {told!r}.{hint} Available: {', '.join(shown)}.{more}"


@cache
def _specs() -> dict[str, ToolSpec]:
    with open(SPECS, "rb") as file:
        specs = msgspec.json.decode(file.read(), type=tuple[ToolSpec, ...])
    return {spec.name: spec for spec in specs if spec.name in ENTRIES}


@cache
def _load(name: str) -> "Tool":
    module = import_module(f"codewhale.tools.{ENTRIES[name].module}")
    tools: tuple[Tool, ...] = module.TOOLS
    return next(tool for tool in tools if tool.name == name)
