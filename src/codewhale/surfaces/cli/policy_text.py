"""What `codewhale policy` says, as text: decisions with their layers, rules, and what a rule would have done. Pure.

Everything that a model, a file or a project wrote is spelled out where it would not show as itself; paths are never cut.
"""

import re
from collections.abc import Iterable, Sequence

from codewhale.domain.decisions import Decided, Decision, Ruling, Target
from codewhale.domain.rules import Rule, RulesShown, Simulation

_SAYS = {
    "allow": "allows it",
    "clear": "takes the question away",
    "ask": "asks",
    "review": "asks a person",
    "deny": "denies it",
}
_MEANS = {
    "allow": "it runs without asking",
    "ask": "a person is asked first",
    "deny": "it is not run",
}


_LOOKALIKES = re.compile(r"[\u0370-\u058f\u13a0-\u13ff\uff01-\uff5e]")
_PART = re.compile(r"[^\s/]+")


def shown(text: str) -> str:
    """As it is typed, with every character that would not show as itself spelled out; letters that look like Latin ones too,
    where they stand among those."""
    if text.isprintable() and not (_LOOKALIKES.search(text) and any(map(_mixed, _PART.findall(text)))):
        return text
    return text.encode("unicode_escape").decode("ascii")


def _mixed(part: str) -> bool:
    return _LOOKALIKES.search(part) is not None and any(char.isascii() and char.isalpha() for char in part)


def shown_lines(text: str) -> str:
    """As `shown`, for text of several lines."""
    return "\n".join(shown(line) for line in text.split("\n"))


def decision_lines(decision: Decision) -> list[str]:
    """The verdict, and below it each layer that said something."""
    lines = [f"{decision.verdict}: {shown(decision.reason)}", f"  ({_MEANS[decision.verdict]})", ""]
    lines.append(f"rule      {shown(decision.rule)}")
    return [*lines, "layers", *trail_lines(decision.trail)]


def trail_lines(trail: Sequence[Ruling]) -> list[str]:
    """One line per layer."""
    width = max((len(ruling.layer) for ruling in trail), default=0)
    return [
        f"  {ruling.layer:<{width}}  {_SAYS[ruling.says]}: {shown(ruling.reason)}  [{shown(ruling.rule)}]"
        for ruling in trail
    ]


def confined_line(confined_by: str | None, *, read_only: bool = False) -> str:
    """The second axis: what holds a program while it runs."""
    if confined_by is None:
        return "confined  it starts no program"
    tier, _, policy = confined_by.partition(", ")
    if policy == "danger-full-access" or tier == "none":
        return f"confined  not at all: programs run with all that you may do{f' ({policy})' if policy else ''}"
    if tier == "external":
        return "confined  by what surrounds codewhale (external-sandbox); nothing of its own"
    more = "; nothing but its scratch folder can be written" if read_only or policy == "read-only" else ""
    return f"confined  {f'{tier}, {policy}' if policy else tier}{more}"


def target_lines(targets: Iterable[Target]) -> list[str]:
    """The files that a call touches, and where they really are."""
    lines: list[str] = []
    for target in targets:
        leads = f" -> {shown(target.real)}" if target.real != target.path else ""
        lines.append(f"  {'writes' if target.write else 'reads '}  {shown(target.path)}{leads}")
    return ["files", *lines] if lines else []


def past_lines(past: Decided) -> list[str]:
    """Why a call of the past was decided as it was, and what came of it."""
    made = past.decision
    head = f"{made.tool}  {made.call_id}  in thread {past.thread_id}, {past.timestamp}"
    lines = [shown(head)]
    if made.command is not None:
        lines.append(f"command   {shown(made.command)}")
    if made.cwd is not None:
        lines.append(f"folder    {shown(made.cwd)}")
    decision = Decision(verdict=made.verdict, rule=made.rule, reason=made.reason, trail=made.trail)
    lines += ["", *decision_lines(decision), confined_line(made.confined_by)]
    lines += target_lines(target for target in made.targets if target.write or target.real != target.path)
    if past.outcome is not None:
        by = "you or a client" if past.by_person else "nobody was there"
        by = "the thread's own settings" if past.automatic and past.outcome == "allow" else by
        said = f": {shown(past.outcome_reason)}" if past.outcome_reason else ""
        lines.append(f"answer    {past.outcome} ({by}){said}")
    return lines


def past_line(past: Decided) -> str:
    """One decision on one line."""
    made = past.decision
    about = made.command or ", ".join(target.given for target in made.targets)
    about = shown(about if len(about) <= 80 else about[:79] + "…")
    answer = f" -> {past.outcome}" if past.outcome is not None else ""
    return f"{past.timestamp}  {made.verdict + answer:<14}  {past.thread_id} {made.call_id}  {made.tool}  {about}  [{shown(made.rule)}]"


def simulation_lines(found: Simulation) -> list[str]:
    """What a rule would have done to the past."""
    lines = [f"rule: {shown(found.rule.name)}"]
    lines.append(f"  of {found.looked_at:,} decisions it is about {found.matched:,}" + _unknown(found))
    if not found.changed:
        lines.append("  it would have changed none of them")
    lines += [
        f"  {name.replace('->', 'would have become')}: {count:,}" for name, count in sorted(found.changed.items())
    ]
    if found.against_you:
        lines.append(f"  ! {found.against_you:,} of these you refused when you were asked")
    for one in found.examples[:8]:
        answer = f", answered {one.outcome}" if one.outcome is not None else ""
        lines.append(f"    {one.before} -> {one.after}{answer}: {one.tool}  {shown(one.about)}")
    return lines


def _unknown(found: Simulation) -> str:
    return f"; of {found.unknown:,} the command is not kept, so it cannot be told" if found.unknown else ""


def rules_lines(found: RulesShown) -> list[str]:
    """The rules with their numbers."""
    if found.problem is not None:
        return [
            f"! {shown(found.problem)}",
            "  Until it is corrected nothing is allowed by it and everything is asked.",
            f"  {shown(found.path)}",
        ]
    if not found.rules:
        return [f"There are no rules in {shown(found.path)}."]
    lines = [f"{number:>3}  {shown(rule.name)}{_because(rule)}" for number, rule in enumerate(found.rules, 1)]
    return [*lines, "", f"in {shown(found.path)}; deny before ask before allow, whatever the order"]


def _because(rule: Rule) -> str:
    return f"  ({shown(rule.reason)})" if rule.reason else ""
