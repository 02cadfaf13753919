"""The person's rules: which calls may run unasked, are always asked about, or never run. Pure matching, no files.

An allow counts only for what is surely meant (one plain command, resolved paths); a deny and an ask for everything that
might be meant: every part of a chain, inner shells, other spellings of the program. deny > ask > allow, whatever their order.
"""

import os
import re
from collections.abc import Iterable
from functools import cache

from codewhale.domain.decisions import Ruling, Says
from codewhale.domain.rules import GLOB, Action, Rule
from codewhale.domain.tools import Effect
from codewhale.policy.matching import Match, command_match, plainly
from codewhale.policy.planned import PlannedCall
from codewhale.policy.rule_set import Rules

_HARMLESS: frozenset[Effect] = frozenset({"interact"})
_SAYS: dict[Action, Says] = {"allow": "clear", "ask": "review", "deny": "deny"}


def rulings(call: PlannedCall, rules: Rules) -> Iterable[Ruling]:
    """What the rules say about the call: at most one ruling per action, by the most specific rule."""
    if rules.broken and not call.effects <= _HARMLESS:
        reason = f"{rules.broken[0]}; until it can be read again everything is asked"
        yield Ruling(layer="rules", says="review", rule="permissions_unreadable", reason=reason)
    found: dict[Says, Rule] = {}
    for rule in (*rules.own, *(limit for limit in rules.limits if limit.action != "allow")):
        match = matches(rule, call)
        if match == "no" or (match == "maybe" and rule.action == "allow"):
            continue
        says: Says = "review" if match == "maybe" else _SAYS[rule.action]
        best = found.get(says)
        if best is None or rule.weight > best.weight:
            found[says] = rule
    for says, rule in found.items():
        if says == "clear" and rules.broken:
            continue
        sure = says == _SAYS[rule.action]
        yield Ruling(layer="rules", says=says, rule=f"permissions: {rule.name}", reason=_reason(rule, rules, sure=sure))


def _reason(rule: Rule, rules: Rules, *, sure: bool) -> str:
    if not sure:
        return f"it may be what a rule is about ({rule.name}), which cannot be told before it runs"
    if rule not in rules.own:  # its words are not the person's: they are not repeated
        return f"the project's rules {'deny it' if rule.action == 'deny' else 'want it asked'}"
    said = {
        "allow": "a rule of yours allows it",
        "ask": "a rule of yours wants it asked",
        "deny": "a rule of yours denies it",
    }
    return f"{said[rule.action]}: {rule.reason}" if rule.reason else said[rule.action]


def matches(rule: Rule, call: PlannedCall) -> Match:
    """Whether the call is what the rule is about. An allow never gets the benefit of a doubt."""
    if rule.tool is not None and not _fits(rule.tool, call.tool):
        return "no"
    if rule.workspace is not None and not _inside(call.workspace, os.path.normpath(rule.workspace)):
        return "no"
    if rule.command is not None or rule.command_exact is not None:
        return _command(rule, call)
    return _path(rule, call) if rule.path is not None else "yes"


def _command(rule: Rule, call: PlannedCall) -> Match:
    shell = call.command
    if shell is None:
        return "no"
    if rule.command_exact is not None and shell.text == rule.command_exact:
        return "yes"
    if rule.action == "allow":
        return "yes" if rule.command is not None and plainly(rule.words, shell) else "no"
    words = rule.words if rule.command is not None else tuple((rule.command_exact or "").split())
    return command_match(words, shell, exact=rule.command is None)


def _path(rule: Rule, call: PlannedCall) -> Match:
    assert rule.path is not None
    if not call.targets and (call.command is None or call.command.whole):
        return "no"
    wanted = _pattern(_absolute(rule.path, call))
    if rule.action == "allow":
        sure = (
            call.command is None
            and bool(call.targets)
            and all(wanted.fullmatch(target.real) for target in call.targets)
        )
        return "yes" if sure else "no"
    fixed = _fixed(_absolute(rule.path, call))
    found: Match = "no" if call.command is None or call.command.whole else "maybe"
    for target in call.targets:
        if wanted.fullmatch(target.real) or wanted.fullmatch(target.path):
            return "yes"
        spread = call.command is not None and re.search(GLOB, target.given) and _meet(_fixed(target.path), fixed)
        if spread or (target.beneath and _inside(fixed.rstrip("/") or "/", target.real)):
            found = "maybe"
    return found


def _absolute(pattern: str, call: PlannedCall) -> str:
    if pattern.startswith("~/") and call.home:
        return call.home.rstrip("/") + pattern[1:]
    return os.path.normpath(os.path.join(call.workspace, pattern.rstrip("/")))


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` stay inside a name, `**` crosses folders; what is below a folder that is named belongs to it."""
    out: list[str] = []
    at = 0
    for found in re.finditer(GLOB, glob):
        out.append(re.escape(glob[at : found.start()]))
        text = found.group()
        named = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(text)
        out.append(named or "[" + text[1:-1].replace("\\", "\\\\").replace("!", "^", text[1] == "!") + "]")
        at = found.end()
    out.append(re.escape(glob[at:]))
    return re.compile("".join(out) + "(?:/.*)?", re.DOTALL)


def _fixed(glob: str) -> str:
    found = re.search(GLOB, glob)
    return glob if found is None else glob[: found.start()]


def _meet(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _fits(pattern: str, tool: str) -> bool:
    if "*" not in pattern:
        return pattern == tool
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tool) is not None


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
