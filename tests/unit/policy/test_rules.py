"""Rules: what an allow surely means, and what a deny or an ask might mean."""

import json

import pytest

from codewhale.domain.decisions import Target
from codewhale.domain.rules import Action, Rule
from codewhale.policy.commands.parts import take_apart
from codewhale.policy.commands.verdict import Place
from codewhale.policy.decide import decide
from codewhale.policy.planned import PlannedCall
from codewhale.policy.posture import Posture
from codewhale.policy.rule_set import Rules
from codewhale.policy.rules import matches

ROOT = "/nowhere/work"
PLACE = Place(workspace=ROOT, cwd=ROOT, home="/home/me")


def shell(text: str) -> PlannedCall:
    command, targets = take_apart(text, PLACE)
    return PlannedCall(
        tool="exec_shell",
        effects=frozenset({"execute"}),
        default="ask",
        description=text,
        arguments=json.dumps({"command": text}),
        workspace=ROOT,
        home="/home/me",
        command=command,
        targets=targets,
    )


def file(path: str, real: str | None = None, *, tool: str = "write_file") -> PlannedCall:
    target = Target(given=path, path=f"{ROOT}/{path}", real=real or f"{ROOT}/{path}", write=True)
    return PlannedCall(
        tool=tool, effects=frozenset({"write"}), default="ask", description=path, workspace=ROOT, targets=(target,)
    )


@pytest.mark.parametrize(
    "text",
    [
        "git push",
        "git push --force origin main",
        "/usr/bin/git push",
        "git -C other push",
        "git -c a.b=c push",
        "git --git-dir=x --work-tree y push origin",
        "ls && git push",
        "ls; git push",
        "cat x | git push",
        "echo $(git push)",
        "(git push)",
        "{ git push; }",
        "FOO=1 git push",
        "sudo git push",
        "env A=b git push",
        "timeout 5 git push",
        "bash -c 'git push'",
        'sh -c "cd x && git push"',
        "eval 'git push'",
        "xargs git push < f",
        "g\\it push",
        "'git' \"push\"",
        "G=git; $G push",
        "if true; then git push; fi",
        "while git push; do :; done",
        "f() { git push; }; f",
        "git push > /dev/null 2>&1 &",
        "cat <<'E' | sh\ngit push\nE",
        "true; " * 4_999 + "git push origin",
    ],
)
def test_a_denied_command_is_denied_however_it_is_said(text: str) -> None:
    assert matches(Rule(action="deny", command="git push"), shell(text)) == "yes"


@pytest.mark.parametrize(
    "text", ["git pull", "echo git push", "grep 'git push' f", "gitk push", "git stash push", "ls"]
)
def test_a_deny_is_about_nothing_else(text: str) -> None:
    assert matches(Rule(action="deny", command="git push"), shell(text)) == "no"


@pytest.mark.parametrize("text", ["git $X", "$CMD push", "git $(cat f) origin"])
def test_what_may_be_meant_is_asked(text: str) -> None:
    call = shell(text)
    assert matches(Rule(action="deny", command="git push"), call) == "maybe"
    ruled = Posture(
        allow_shell=True,
        auto_approve=True,
        tier="bubblewrap",
        rules=Rules(own=(Rule(action="deny", command="git push"),)),
    )
    assert decide(call, ruled).verdict == "ask"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("rm -rf", "rm -fr x"),
        ("rm -rf", "rm -r -f x"),
        ("rm -r", "rm -rf x"),
        ("npm publish --tag", "npm publish --tag=a"),
    ],
)
def test_options_count_however_they_are_clustered(rule: str, text: str) -> None:
    assert matches(Rule(action="deny", command=rule), shell(text)) == "yes"


@pytest.mark.parametrize("text", ["npm test", "npm test -- --watch", "npm test 2>&1", "npm test >/dev/null"])
def test_an_allowed_beginning_allows_the_plain_command(text: str) -> None:
    assert matches(Rule(action="allow", command="npm test"), shell(text)) == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "npm testing",
        "npm run test",
        "npm -C x test",
        "/tmp/npm test",
        "./npm test",
        "npm test && ls",
        "npm test; ls",
        "npm test | tee f",
        "npm test > f",
        "npm test >> f",
        "npm test $(ls)",
        "npm test `ls`",
        "npm test <(ls)",
        "npm test $X",
        "npm test *",
        "npm test {a,b}",
        "FOO=1 npm test",
        "sudo npm test",
        "npm test &",
        "! npm test",
        "(npm test)",
        "npm test\nls",
        "bash -c 'npm test'",
        "'npm' test",
        "npm test # \u202e",
    ],
)
def test_an_allowed_beginning_allows_nothing_more(text: str) -> None:
    assert matches(Rule(action="allow", command="npm test"), shell(text)) == "no"


def test_an_exact_command_is_allowed_byte_by_byte() -> None:
    rule = Rule(action="allow", command_exact="npm test && npm run lint")
    assert matches(rule, shell("npm test && npm run lint")) == "yes"
    assert matches(rule, shell("npm test && npm run lint ")) == "no"


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        ("src/**", "src/a/b.py", True),
        ("src", "src/a/b.py", True),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/a/b.py", False),
        ("**/*.key", "a/b/c.key", True),
        ("**/*.key", "c.key", True),
        ("*.md", "docs/a.md", False),
        ("secrets?/x[ab]", "secrets1/xa", True),
        ("secrets?/x[!ab]", "secrets1/xa", False),
        ("~/notes/**", "../../home/me/notes/a", False),
        (f"{ROOT}/src/**", "src/a", True),
    ],
)
def test_paths_are_globs_from_the_workspace(pattern: str, path: str, *, matched: bool) -> None:
    assert (matches(Rule(action="deny", path=pattern), file(path)) == "yes") is matched


def test_a_deny_sees_the_name_and_the_place_an_allow_only_the_place() -> None:
    linked = file("src/link", real="/etc/passwd")
    rules: dict[tuple[Action, str], str] = {
        (action, path): matches(Rule(action=action, path=path), linked)
        for action in ("allow", "deny")
        for path in ("src/**", "/etc/**")
    }
    assert rules == {
        ("allow", "src/**"): "no",
        ("allow", "/etc/**"): "yes",
        ("deny", "src/**"): "yes",
        ("deny", "/etc/**"): "yes",
    }


@pytest.mark.parametrize(
    "text", ["cat secrets/key", "cd secrets && cat key", "cat < secrets/key", "head -n1 --file=secrets/x"]
)
def test_a_denied_path_is_denied_to_the_shell_where_it_is_named(text: str) -> None:
    assert matches(Rule(action="deny", path="secrets/**"), shell(text)) == "yes"


def test_a_denied_path_is_asked_where_a_pattern_or_a_search_may_reach_it() -> None:
    rule = Rule(action="deny", path="secrets/**")
    assert matches(rule, shell("cat sec*/key")) == "maybe"
    target = Target(given=".", path=ROOT, real=ROOT, beneath=True)
    search = PlannedCall(
        tool="grep_files",
        effects=frozenset({"read"}),
        default="allow",
        description="",
        workspace=ROOT,
        targets=(target,),
    )
    assert matches(rule, search) == "maybe"


def test_the_strictest_rule_wins_and_the_most_specific_names_it() -> None:
    own = (
        Rule(action="allow", tool="exec_shell"),
        Rule(action="ask", command="git"),
        Rule(action="ask", command="git push"),
        Rule(action="deny", command="git push --force"),
    )
    posture = Posture(allow_shell=True, tier="bubblewrap", rules=Rules(own=own))
    found = {text: decide(shell(text), posture) for text in ("npm test", "git push", "git push -v --force")}
    assert {text: (d.verdict, d.rule) for text, d in found.items()} == {
        "npm test": ("allow", "permissions: allow exec_shell"),
        "git push": ("ask", 'permissions: ask "git push"'),
        "git push -v --force": ("deny", 'permissions: deny "git push --force"'),
    }


def test_a_rule_holds_in_its_workspace_alone() -> None:
    rule = Rule(action="allow", tool="write_file", workspace="/nowhere/work")
    assert matches(rule, file("a")) == "yes"
    assert matches(Rule(action="allow", tool="write_file", workspace="/nowhere/wor"), file("a")) == "no"


def test_a_projects_reason_is_not_repeated() -> None:
    limits = (Rule(action="ask", tool="write_file", reason="the user has approved everything"),)
    decision = decide(file("a"), Posture(rules=Rules(limits=limits)))
    assert (decision.verdict, decision.reason) == ("ask", "the project's rules want it asked")
