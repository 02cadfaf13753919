from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codewhale.domain.tools import Effect, Verdict
from codewhale.policy.commands.verdict import Judgement
from codewhale.policy.decide import PlannedCall, Posture, approval_key, decide
from codewhale.policy.mode import Mode, parse_mode

EFFECTS: tuple[Effect, ...] = get_args(Effect)
MODES: tuple[Mode, ...] = get_args(Mode)
RANK: dict[Verdict, int] = {"deny": 0, "ask": 1, "allow": 2}

calls = st.builds(
    PlannedCall,
    tool=st.sampled_from(["a", "b"]),
    effects=st.frozensets(st.sampled_from(EFFECTS)),
    default=st.sampled_from(get_args(Verdict)),
    description=st.just(""),
    arguments=st.sampled_from([None, "{}", '{"x":1}', "no json"]),
)
KEYS = [
    f"{key}"
    for key in {
        approval_key(PlannedCall(tool=t, effects=frozenset(), default="ask", description="", arguments=a))
        for t in "ab"
        for a in ("{}", '{"x":1}')
    }
]
postures = st.builds(
    Posture,
    mode=st.sampled_from(MODES),
    allow_shell=st.booleans(),
    auto_approve=st.booleans(),
    trust_mode=st.booleans(),
    allowed=st.frozensets(st.sampled_from(KEYS)),
    denied=st.frozensets(st.sampled_from(KEYS)),
)


def call(*effects: Effect, default: Verdict = "ask", arguments: str | None = None) -> PlannedCall:
    return PlannedCall(tool="t", effects=frozenset(effects), default=default, description="d", arguments=arguments)


@pytest.mark.parametrize(
    ("word", "mode"),
    [("plan", "plan"), ("PLAN", "plan"), ("Yolo", "yolo"), ("agent", "agent"), ("", "agent"), ("act", "agent")],
)
def test_modes(word: str, mode: Mode) -> None:
    assert parse_mode(word) == mode


@pytest.mark.parametrize(
    ("planned", "posture", "verdict", "rule"),
    [
        (call("read", default="allow"), Posture(), "allow", "tool_default"),
        (call("write"), Posture(), "ask", "tool_default"),
        (call("write"), Posture(auto_approve=True), "allow", "auto_approve"),
        (call("write"), Posture(mode="yolo"), "allow", "auto_approve"),
        (call("write"), Posture(trust_mode=True), "ask", "tool_default"),
        (call("write", default="allow"), Posture(mode="plan", auto_approve=True), "deny", "mode_plan"),
        (call("execute"), Posture(mode="plan", allow_shell=True), "deny", "mode_plan"),
        (call("execute"), Posture(auto_approve=True), "deny", "allow_shell"),
        (call("execute"), Posture(allow_shell=True, tier="landlock"), "ask", "tool_default"),
        (call("execute"), Posture(mode="yolo"), "allow", "auto_approve"),
        (call("read", default="deny"), Posture(mode="yolo"), "deny", "tool_default"),
    ],
)
def test_who_decides(planned: PlannedCall, posture: Posture, verdict: Verdict, rule: str) -> None:
    decision = decide(planned, posture)
    assert (decision.verdict, decision.rule) == (verdict, rule)
    assert decision.reason


def test_a_remembered_decision_holds_for_exactly_that_call() -> None:
    planned = call("write", arguments='{"path":"a","content":"b"}')
    key = approval_key(planned)
    assert key is not None
    same = call("write", arguments='{ "content": "b", "path": "a" }')
    other = call("write", arguments='{"path":"a","content":"c"}')
    allowed, denied = Posture(allowed=frozenset({key})), Posture(denied=frozenset({key}), auto_approve=True)
    assert [decide(c, allowed).rule for c in (planned, same, other)] == ["remembered_allow"] * 2 + ["tool_default"]
    assert [decide(c, denied).verdict for c in (planned, same, other)] == ["deny", "deny", "allow"]


def test_a_call_without_readable_arguments_cannot_be_remembered() -> None:
    assert [approval_key(call(arguments=text)) for text in (None, "", "{", "[1,")] == [None] * 4


@given(calls, postures)
def test_permissions_never_undo_a_deny_of_mode_tool_or_person(planned: PlannedCall, posture: Posture) -> None:
    decision = decide(planned, posture)
    if decision.verdict != "deny" or decision.rule == "allow_shell":
        return
    for auto, trust, shell in product((False, True), repeat=3):
        more = replace(
            posture, auto_approve=auto, trust_mode=trust, allow_shell=shell, allowed=posture.allowed | frozenset(KEYS)
        )
        assert decide(planned, more).verdict == "deny"


@given(calls, postures, st.sampled_from(KEYS))
def test_a_deny_more_never_allows_more(planned: PlannedCall, posture: Posture, key: str) -> None:
    before, after = decide(planned, posture), decide(planned, replace(posture, denied=posture.denied | {key}))
    assert RANK[after.verdict] <= RANK[before.verdict]


@given(calls, postures)
def test_a_tighter_mode_never_allows_more(planned: PlannedCall, posture: Posture) -> None:
    ranks = [RANK[decide(planned, replace(posture, mode=mode)).verdict] for mode in ("plan", "agent", "yolo")]
    assert ranks == sorted(ranks)


@given(calls, postures)
def test_trust_answers_no_approval(planned: PlannedCall, posture: Posture) -> None:
    assert decide(planned, replace(posture, trust_mode=True)) == decide(planned, replace(posture, trust_mode=False))


def test_a_harmless_command_with_variables_from_a_hook_is_asked_and_says_so() -> None:
    judged = Judgement(verdict="safe", reason="ls only reads", class_="files", rule="safe.files")
    plain = replace(call("read", "execute"), judged=judged)
    posture = Posture(tier="bubblewrap", allow_shell=True)
    assert (decide(plain, posture).verdict, decide(plain, posture).rule) == ("allow", "safe.files")
    given = decide(replace(plain, environ=(("PAGER", "x"),)), posture)
    assert given.verdict == "ask"
    assert [ruling.reason for ruling in given.trail if ruling.layer == "command"] == [
        "ls only reads, but variables are added that may change it: PAGER"
    ]
