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
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_are_what_they_were(name: str) -> None:
    properties = spec_of(name).parameters["properties"]
    assert isinstance(properties, dict)
    assert properties.keys() == INPUTS[name]


def test_every_tool_is_shown() -> None:
    assert [spec.name for spec in every_spec()] == list(ENTRIES), "./run reference"
