"""Laws of the gate: more restrictions never allow more, an allow never covers more than it says, a child never exceeds its
parent, and a grant runs exactly one call."""

import json
from itertools import product
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codewhale.domain.confinement import Policy, Tier
from codewhale.domain.decisions import Ruling, Says, Target, settle
from codewhale.domain.rules import Rule
from codewhale.domain.tools import Advice, Effect, Verdict
from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.parts import take_apart
from codewhale.policy.commands.verdict import Judgement, Place
from codewhale.policy.decide import decide, narrowed
from codewhale.policy.grant import Grant
from codewhale.policy.mode import Mode
from codewhale.policy.planned import PlannedCall, approval_key, seal
from codewhale.policy.posture import Posture
from codewhale.policy.rule_set import Rules

STRICT: dict[Verdict, int] = {"allow": 0, "ask": 1, "deny": 2}
PLACE = Place(workspace="/nowhere/workspace", cwd="/nowhere/workspace", home="/home/someone")
COMMANDS = ["ls", "git push origin", "npm test", "rm -rf /", "sudo git -C x push", "echo x > AGENTS.md"]
RULES = [
    Rule(action="allow", command="git push"),
    Rule(action="deny", command="git push"),
    Rule(action="ask", tool="exec_*"),
    Rule(action="allow", command_exact="ls"),
    Rule(action="deny", path="AGENTS.md"),
    Rule(action="allow", path="src/**"),
    Rule(action="ask", path="src/**", workspace="/elsewhere"),
    Rule(action="allow", tool="write_file"),
]


def shell_call(text: str) -> PlannedCall:
    shell, targets = take_apart(text, PLACE)
    return PlannedCall(
        tool="exec_shell",
        effects=frozenset({"execute"}),
        default="ask",
        description=text,
        arguments=json.dumps({"command": text}),
        judged=judge(text, PLACE),
        workspace=PLACE.workspace,
        command=shell,
        targets=targets,
    )


def file_call(path: str, *, write: bool) -> PlannedCall:
    real = f"{PLACE.workspace}/{path}"
    effects: frozenset[Effect] = frozenset({"write" if write else "read"})
    return PlannedCall(
        tool="write_file" if write else "read_file",
        effects=effects,
        default="ask" if write else "allow",
        description=path,
        arguments=json.dumps({"path": path}),
        workspace=PLACE.workspace,
        targets=(Target(given=path, path=real, real=real, write=write),),
    )


CALLS = [
    *map(shell_call, COMMANDS),
    *(file_call(path, write=write) for path, write in product(("src/a.py", "AGENTS.md", ".git/config"), (False, True))),
]
VERDICTS: list[Verdict | None] = [None, *get_args(Verdict)]
MODES: list[Mode] = list(get_args(Mode))
TIERS: list[Tier] = list(get_args(Tier))
CAGES: list[Policy | None] = [None, *get_args(Policy)]
SAYS: list[Says] = list(get_args(Says))
TOOLS: list[frozenset[str] | None] = [None, frozenset({"exec_shell"}), frozenset({"read_file", "write_file"})]
BARRED: list[frozenset[str]] = [frozenset(), frozenset({"write_file"})]
BROKEN: list[tuple[str, ...]] = [(), ("permissions.toml is broken",)]
KEYS = [key for call in CALLS if (key := approval_key(call)) is not None]
advice = st.builds(Advice, source=st.just("hook"), verdict=st.sampled_from(VERDICTS))


def advised(call: PlannedCall, said: list[Advice]) -> PlannedCall:
    return replace(call, advice=tuple(said))


calls = st.builds(advised, st.sampled_from(CALLS), st.lists(advice, max_size=2))


def rules_of(own: tuple[Rule, ...], limits: tuple[Rule, ...], broken: tuple[str, ...]) -> Rules:
    return Rules(own=own, limits=limits, broken=broken)


rules = st.builds(
    rules_of,
    own=st.lists(st.sampled_from(RULES), max_size=3).map(tuple),
    limits=st.lists(st.sampled_from(RULES), max_size=2).map(tuple),
    broken=st.sampled_from(BROKEN),
)
postures = st.builds(
    Posture,
    mode=st.sampled_from(MODES),
    allow_shell=st.booleans(),
    auto_approve=st.booleans(),
    trust_mode=st.booleans(),
    never_ask=st.booleans(),
    allowed=st.frozensets(st.sampled_from(KEYS), max_size=3),
    denied=st.frozensets(st.sampled_from(KEYS), max_size=2),
    rules=rules,
    tools=st.sampled_from(TOOLS),
    barred=st.sampled_from(BARRED),
    tier=st.sampled_from(TIERS),
    cage=st.sampled_from(CAGES),
    guards_history=st.booleans(),
    unconfined=st.booleans(),
    strict_law=st.booleans(),
)


def strictness(call: PlannedCall, posture: Posture) -> int:
    return STRICT[decide(call, posture).verdict]


@given(calls, postures, st.sampled_from(RULES))
def test_a_rule_that_restricts_never_loosens(call: PlannedCall, posture: Posture, rule: Rule) -> None:
    for action in ("ask", "deny"):
        more = replace(posture.rules, own=(*posture.rules.own, replace(rule, action=action)))
        assert strictness(call, replace(posture, rules=more)) >= strictness(call, posture)


@given(calls, postures, st.sampled_from(RULES))
def test_a_project_can_only_tighten(call: PlannedCall, posture: Posture, rule: Rule) -> None:
    more = replace(posture.rules, limits=(*posture.rules.limits, rule))
    assert strictness(call, replace(posture, rules=more)) >= strictness(call, posture)


@given(calls, postures, advice)
def test_no_advice_of_a_hook_loosens(call: PlannedCall, posture: Posture, said: Advice) -> None:
    assert strictness(replace(call, advice=(*call.advice, said)), posture) >= strictness(call, posture)


@given(calls, postures)
def test_what_a_hook_or_a_rule_wants_asked_is_not_run_unasked(call: PlannedCall, posture: Posture) -> None:
    asking = replace(call, advice=(Advice(source="hook", verdict="ask"),))
    ruled = replace(posture, rules=Rules(own=(*posture.rules.own, Rule(action="ask", tool="*"))))
    assert strictness(asking, posture) >= 1
    assert strictness(call, ruled) >= 1


@given(calls, postures)
def test_an_unreadable_file_of_rules_allows_nothing(call: PlannedCall, posture: Posture) -> None:
    broken = replace(posture, rules=replace(posture.rules, broken=("it is broken",)))
    assert strictness(call, broken) >= 1


@given(calls, postures, st.sampled_from(KEYS))
def test_a_refusal_more_never_allows_more(call: PlannedCall, posture: Posture, key: str) -> None:
    assert strictness(call, replace(posture, denied=posture.denied | {key})) >= strictness(call, posture)


@given(calls, postures, postures)
def test_a_child_may_do_at_most_what_each_of_the_two_may(call: PlannedCall, parent: Posture, child: Posture) -> None:
    got = strictness(call, narrowed(parent, child))
    assert got >= strictness(call, parent)
    assert got >= strictness(call, child)


@given(postures, postures)
def test_narrowing_twice_is_narrowing_once(parent: Posture, child: Posture) -> None:
    once = narrowed(parent, child)
    for call in CALLS:
        assert strictness(call, narrowed(parent, once)) == strictness(call, once)


@given(calls, postures)
def test_a_forbidden_command_and_a_wrong_tool_run_under_no_posture(call: PlannedCall, posture: Posture) -> None:
    forbidden = replace(call, judged=Judgement(verdict="forbid", reason="no", class_="x", rule="forbid.x"))
    assert decide(forbidden, posture).verdict == "deny"
    assert decide(call, replace(posture, barred=frozenset({call.tool}))).verdict == "deny"


@given(calls, postures)
def test_a_protected_file_is_never_changed_without_a_person(call: PlannedCall, posture: Posture) -> None:
    target = Target(given="x", path="/nowhere/workspace/x", real="/nowhere/workspace/.git/hooks/x", write=True)
    found = strictness(replace(call, targets=(*call.targets, target)), posture)
    assert found == 2 if posture.automatic or posture.never_ask or posture.strict_law else found >= 1


rulings = st.lists(
    st.builds(
        Ruling,
        layer=st.just("tool"),
        says=st.sampled_from(SAYS),
        rule=st.just("r"),
        reason=st.just("because"),
    ),
    max_size=6,
)


@given(rulings, rulings)
def test_only_a_clear_loosens_and_only_an_ordinary_question(trail: list[Ruling], more: list[Ruling]) -> None:
    before, after = settle(trail).verdict, settle([*trail, *more]).verdict
    if trail and not any(ruling.says == "clear" for ruling in more):
        assert STRICT[after] >= STRICT[before]
    if any(ruling.says in ("deny", "review") for ruling in trail):
        assert STRICT[after] >= STRICT[before]


KNOWN: list[tuple[str, str]] = [
    json.loads(line) for line in (Path(__file__).parents[1] / "unit/commands/verdicts.jsonl").read_text().splitlines()
]
JOINS = ["{0} && {1}", "{0}; {1}", "{0} | {1}", "{0} $({1})", "FOO=1 {0}", "{0} > f"]


def test_an_allowed_command_allows_nothing_that_is_joined_to_it(request: pytest.FixtureRequest) -> None:
    safe = [text for verdict, text in KNOWN if verdict == "safe" and take_apart(text, PLACE)[0].plain is not None]
    other = [text for verdict, text in KNOWN if verdict != "safe" and text.isprintable() and "#" not in text]
    pairs = list(product(safe, other, JOINS))
    pairs = Random(7).sample(pairs, 155_000 if request.config.getoption("--full") else 600)
    posture = Posture(allow_shell=True, tier="bubblewrap")
    for one, more, join in pairs:
        shell, _ = take_apart(one, PLACE)
        assert shell.plain is not None
        text = join.format(one, more)
        prefix = " ".join(shell.plain[:1]) if " " not in shell.plain[0] else None
        for rule in (Rule(action="allow", command_exact=one), Rule(action="allow", command=prefix)):
            call = shell_call(text)
            before = strictness(call, posture)
            assert strictness(call, replace(posture, rules=Rules(own=(rule,)))) >= min(before, 1), text


@given(st.data())
def test_after_any_change_a_call_is_not_the_approved_one(data: st.DataObject) -> None:
    call = shell_call("git push origin main")
    approved = seal(call, ("bubblewrap", "workspace-write"))
    text = data.draw(st.text(max_size=3))
    shell = call.command
    assert shell is not None
    mutations = [
        replace(call, tool=call.tool + "_"),
        replace(call, arguments=f"{call.arguments} {text}"),
        replace(call, workspace=f"{call.workspace}/{text}"),
        replace(call, command=replace(shell, text=f"{shell.text}{text} ")),
        replace(call, command=replace(shell, cwd=f"{shell.cwd}/{text}")),
        replace(call, environ=(("PATH", text),)),
        replace(call, hosts=("example.com",)),
        replace(call, targets=(*call.targets, Target(given="x", path="/x", real=f"/{text}"))),
    ]
    assert all(seal(one, ("bubblewrap", "workspace-write")) != approved for one in mutations)
    assert seal(call, ("landlock", "workspace-write")) != approved
    assert seal(call, ("bubblewrap", "danger-full-access")) != approved


def test_a_hundred_changes_of_one_byte_are_refused_and_a_grant_is_good_once() -> None:
    command = "git push origin main --tags"
    call = shell_call(command)
    approved = seal(call, ())
    for at in range(100):
        place = at % len(command)
        other = command[:place] + chr(33 + (ord(command[place]) + at) % 90) + command[place + 1 :]
        if other == command:
            other = command + "!"
        grant = Grant(approved, until=600.0)
        assert grant.spend(seal(shell_call(other), ()), now=0.0) is not None, other
        assert grant.spend(approved, now=0.0) is not None, "a grant that was tried is spent"
    grant = Grant(approved, until=600.0)
    assert grant.spend(approved, now=600.0) is None
    assert grant.spend(approved, now=600.0) is not None
    assert Grant(approved, until=600.0).spend(approved, now=600.1) is not None
