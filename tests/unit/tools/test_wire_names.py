"""Names and inputs of tools as other programs and earlier transcripts know them. A change here breaks somebody."""

import pytest

from codewhale.tools.registry import ENTRIES, every_spec, spec_of

INPUTS = {
    "read_file": {"path", "start_line", "max_lines"},
    "list_dir": {"path"},
    "write_file": {"path", "content"},
    "edit_file": {"path", "search", "replace", "fuzz", "replace_all"},
    "apply_patch": {"path", "patch", "changes", "fuzz", "create_if_missing"},
    "file_search": {"query", "path", "limit", "extensions", "exclude"},
    "grep_files": {"pattern", "path", "include", "exclude", "context_lines", "case_insensitive", "max_results"},
    "project_map": {"max_depth"},
    "validate_data": {"path", "content", "format"},
    "pandoc_convert": {"source_path", "target_format", "output_path"},
    "image_ocr": {"path"},
    "note": {"content"},
    "retrieve_tool_result": {
        *("ref", "mode", "query", "lines", "start_line", "end_line", "line_count"),
        *("max_bytes", "max_matches", "context_lines"),
    },
    "handle_read": {"handle", "slice", "range", "count", "jsonpath", "max_chars"},
    "checklist_write": {"todos"},
    "checklist_add": {"content", "status"},
    "checklist_update": {"id", "status"},
    "checklist_list": set[str](),
    "update_plan": {"explanation", "plan"},
    "request_user_input": {"questions"},
    "run_tests": {"args", "all_features"},
    "review": {"target", "kind", "base", "staged", "max_chars"},
    "notify": {"title", "body"},
    "code_execution": {"code"},
    "js_execution": {"code"},
    "tool_search": {"query", "match", "limit"},
    "task_create": {"prompt", "model", "workspace", "mode", "allow_shell", "trust_mode", "auto_approve"},
    "task_list": {"limit"},
    "task_read": {"task_id"},
    "task_cancel": {"task_id"},
    "task_gate_run": {"gate", "command", "cwd", "timeout_ms"},
    "task_shell_start": {"command", "cwd", "timeout_ms", "stdin", "tty"},
    "task_shell_wait": {"task_id", "wait", "timeout_ms", "gate", "command"},
    "pr_attempt_record": {
        *("task_id", "attempt_group_id", "attempt_index", "attempt_count", "summary", "verification"),
    },
    "pr_attempt_list": {"task_id"},
    "pr_attempt_read": {"task_id", "attempt_id"},
    "pr_attempt_preflight": {"task_id", "attempt_id"},
    "automation_create": {"name", "prompt", "rrule", "cwds", "paused"},
    "automation_list": {"limit"},
    "automation_read": {"automation_id"},
    "automation_update": {"automation_id", "name", "prompt", "rrule", "cwds", "status"},
    "automation_pause": {"automation_id"},
    "automation_resume": {"automation_id"},
    "automation_delete": {"automation_id"},
    "automation_run": {"automation_id"},
    "github_issue_context": {"number", "include_comments"},
    "github_pr_context": {"number", "include_diff"},
    "github_comment": {"target", "number", "body", "evidence", "dry_run"},
    "github_close_issue": {"number", "acceptance_criteria", "evidence", "comment", "allow_dirty", "dry_run"},
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_are_what_they_were(name: str) -> None:
    properties = spec_of(name).parameters["properties"]
    assert isinstance(properties, dict)
    assert properties.keys() == INPUTS[name]


def test_every_tool_is_shown() -> None:
    assert [spec.name for spec in every_spec()] == list(ENTRIES), "./run reference"
