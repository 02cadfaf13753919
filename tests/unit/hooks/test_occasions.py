"""When a hook runs and what it is told."""

import msgspec

from codewhale.domain.hooks import AllOf, Always, AnyOf, Condition, ExitCode, InMode, ToolCategory, ToolName
from codewhale.hooks.occasion import INPUT_BYTES, MESSAGE_CHARS, Occasion, categories, holds, standard_input, variables

SHELL = Occasion(
    event="tool_call_after",
    session_id="thr_1",
    workspace="/w",
    mode="agent",
    model="m",
    turn_id="turn_1",
    tool_name="exec_shell",
    tool_categories=categories({"execute"}),
    tool_args='{"command":"ls"}',
    tool_result="a\nb",
    tool_success=True,
    exit_code=0,
)
MESSAGE = Occasion(event="message_submit", session_id="thr_1", workspace="/w", mode="plan", model="m", message="hi")


def test_conditions() -> None:
    def both(condition: Condition) -> tuple[bool, bool]:
        return holds(condition, SHELL), holds(condition, MESSAGE)

    assert both(Always()) == (True, True)
    assert both(ToolName(name="exec_*")) == (True, False)
    assert both(ToolName(name="*")) == (True, False)
    assert both(ToolCategory(category="shell")) == (True, False)
    assert both(ToolCategory(category="write")) == (False, False)
    assert both(InMode(mode="plan")) == (False, True)
    assert both(ExitCode(code=0)) == (True, False)
    assert both(AnyOf(conditions=(InMode(mode="plan"), ExitCode(code=0)))) == (True, True)
    assert both(AllOf(conditions=(Always(), InMode(mode="plan")))) == (False, True)
    assert both(AllOf(conditions=())) == (True, True)
    assert both(AnyOf(conditions=())) == (False, False)


def test_the_environment() -> None:
    assert variables(SHELL) == {
        "DEEPSEEK_SESSION_ID": "thr_1",
        "DEEPSEEK_WORKSPACE": "/w",
        "DEEPSEEK_MODE": "agent",
        "DEEPSEEK_MODEL": "m",
        "DEEPSEEK_TOOL_NAME": "exec_shell",
        "DEEPSEEK_TOOL_ARGS": '{"command":"ls"}',
        "DEEPSEEK_TOOL_RESULT": "a\nb",
        "DEEPSEEK_TOOL_EXIT_CODE": "0",
        "DEEPSEEK_TOOL_SUCCESS": "true",
    }


def test_long_and_odd_values_can_still_be_an_environment() -> None:
    long = msgspec.structs.replace(MESSAGE, message="m\0" * MESSAGE_CHARS, error="é\ud800" * 100_000)
    found = variables(long)
    assert len(found["DEEPSEEK_MESSAGE"]) <= MESSAGE_CHARS
    assert all(len(value.encode()) <= 24 * 1024 and "\0" not in value for value in found.values())


def test_standard_input_is_json_with_the_arguments_as_an_object() -> None:
    assert msgspec.json.decode(standard_input(SHELL)) == {
        "event": "tool_call_after",
        "session_id": "thr_1",
        "workspace": "/w",
        "mode": "agent",
        "model": "m",
        "turn_id": "turn_1",
        "tool_name": "exec_shell",
        "tool_categories": ["shell"],
        "tool_args": {"command": "ls"},
        "tool_result": "a\nb",
        "tool_success": True,
        "exit_code": 0,
    }


def test_standard_input_is_bounded_and_says_what_was_cut() -> None:
    huge = msgspec.structs.replace(SHELL, tool_args='{"content":"' + "x" * 100_000 + '"}', tool_result="y" * 100_000)
    encoded = standard_input(huge)
    assert len(encoded) <= INPUT_BYTES
    told = msgspec.json.decode(encoded)
    assert told["truncated"] is True
    assert told["tool_args"].startswith('{"content":"xxx')
