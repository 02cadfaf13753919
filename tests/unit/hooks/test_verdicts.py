"""What a hook's output means."""

import pytest

from codewhale.domain.tools import Advice
from codewhale.hooks.verdicts import Ran, Submitted, advice, exported, submitted


def on_call(stdout: str = "", *, strict: bool = False, **more: object) -> Advice | None:
    return advice(Ran(stdout=stdout, **{"exit_code": 0, **more}), "hook h", strict=strict)  # pyright: ignore[reportArgumentType]


def test_silence_says_nothing() -> None:
    assert on_call() is None
    assert on_call("  \n") is None
    assert on_call("{}") is None


@pytest.mark.parametrize("decision", ["allow", "deny", "ask"])
def test_a_decision(decision: str) -> None:
    said = on_call(f'{{"decision":"{decision}","reason":"r"}}')
    assert said == Advice(source="hook h", verdict=decision, reason="r")  # pyright: ignore[reportArgumentType]


def test_changed_input_and_context() -> None:
    said = on_call('{"updatedInput":{"path":"b"},"additionalContext":"told"}')
    assert said == Advice(source="hook h", arguments='{"path":"b"}', context="told")


def test_exit_code_two_denies_with_the_words_on_standard_error() -> None:
    assert on_call('{"decision":"allow"}', exit_code=2, stderr="no\n") == Advice(
        source="hook h", verdict="deny", reason="no"
    )
    silent = on_call(exit_code=2)
    assert silent is not None
    assert silent.verdict == "deny"


def test_a_broken_hook_says_nothing_unless_it_is_strict() -> None:
    assert on_call("not json") is None
    assert on_call('{"decision":"maybe"}') is None
    assert on_call(problem="it was stopped", exit_code=None) is None
    assert on_call('{"decision":"allow"}', problem="it ended with exit code 1", exit_code=1) is None


@pytest.mark.parametrize("stdout", ["", "{}", "not json", '{"additionalContext":"c"}'])
def test_a_strict_hook_without_a_verdict_denies(stdout: str) -> None:
    said = on_call(stdout, strict=True)
    assert said is not None
    assert said.verdict == "deny"
    assert on_call('{"decision":"allow"}', strict=True) == Advice(source="hook h", verdict="allow")


def test_messages() -> None:
    assert submitted(Ran(exit_code=0), "t") == Submitted(text="t")
    assert submitted(Ran(exit_code=0, stdout='{"text":"u"}'), "t") == Submitted(text="u")
    assert submitted(Ran(exit_code=0, stdout='{"text":" "}'), "t") == Submitted(text="t")
    assert submitted(Ran(exit_code=0, stdout="plain words"), "t") == Submitted(text="t")
    assert submitted(Ran(exit_code=2, stderr="not today"), "t") == Submitted(text="t", blocked="not today")
    assert submitted(Ran(problem="broke", stdout='{"text":"u"}'), "t") == Submitted(text="t")


def test_variables() -> None:
    lines = "A=1\nexport B='two words'\nC=\n# comment\nnot a variable\n1D=x\nLD_PRELOAD=/evil.so\nE=a=b\n"
    assert exported(Ran(exit_code=0, stdout=lines)) == {"A": "1", "B": "two words", "C": "", "E": "a=b"}
    assert exported(Ran(exit_code=1, problem="failed", stdout="A=1")) == {}
