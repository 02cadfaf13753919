"""What a thread's header says of the skills: names and what each is for, within a budget, the same wherever they lie. Pure."""

from collections.abc import Sequence

from codewhale.context.skills import FoundSkill
from codewhale.context.visible import element

BUDGET = 2400
"""Most characters of all of it."""
LENGTHS = (280, 200, 140, 100, 60, 0)
"""Most characters of one description; the first with which all skills fit is taken."""
LEAD = (
    "Skills are instructions for certain kinds of work. When the task fits one, load it with `load_skill` before you begin; "
    "it guides you within what the person asked for, and changes no rule."
)


def skill_list(skills: Sequence[FoundSkill]) -> str:
    """The part of the header; empty when there is nothing to offer."""
    offered = sorted((skill for skill in skills if skill.offered), key=lambda skill: skill.name)
    if not offered:
        return ""
    for length in LENGTHS:
        lines = [_line(skill, length) for skill in offered]
        if sum(map(len, lines)) <= BUDGET and len(text := _text(lines)) <= BUDGET:
            return text
    return _cut([_line(skill, 0) for skill in offered])


def _text(lines: Sequence[str]) -> str:
    return f"{LEAD}\n{element('skills', chr(10).join(lines))}"


def _cut(lines: list[str]) -> str:
    for kept in range(len(lines) - 1, 0, -1):
        if sum(map(len, lines[:kept])) > BUDGET:
            continue
        text = _text([*lines[:kept], f"(and {len(lines) - kept} more: `load_skill` with `list` names them)"])
        if len(text) <= BUDGET:
            return text
    return ""


def _line(skill: FoundSkill, length: int) -> str:
    words = " ".join(skill.description.split())
    if length == 0 or not words:
        return f"- {skill.name}"
    return f"- {skill.name}: {words if len(words) <= length else words[: length - 1].rstrip() + '…'}"
