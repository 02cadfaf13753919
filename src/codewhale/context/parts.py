"""The header of a thread's requests, as named parts in cache order: what never changes first, what may change last.

A header is composed once and then sent byte for byte. What changes later is told at the end of the conversation, once, and
never by rewriting the header. Pure.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache

from msgspec import Struct

from codewhale.domain.context import ContextPart
from codewhale.domain.records import Thread
from codewhale.policy.mode import Mode

COMPANIONS = {"skills": "load_skill", "memory": "remember"}
"""Parts that speak of a tool: a header that begins with the part begins with the tool too. One that comes or goes later is no
reason to compose the header anew."""
LONGEST_UPDATE = 16_000
"""Most characters of one part in an update."""


class Facts(Struct, frozen=True, kw_only=True):
    """What a header is composed from. Texts are empty where there is nothing to say; `today` is a date."""

    thread: Thread
    mode: Mode
    today: str
    confined: str = ""
    approvals: str = ""
    instructions: str = ""
    skills: str = ""
    memory: str = ""
    anchors: str = ""
    handoff: str = ""
    working_set: str = ""


def parts_of(facts: Facts) -> tuple[ContextPart, ...]:
    """The parts in their order. A thread's own prompt replaces all of ours."""
    if facts.thread.system_prompt:
        return (ContextPart(name="system_prompt", text=facts.thread.system_prompt),)
    texts = {
        "base": base_prompt().rstrip(),
        "environment": f"Environment\n- workspace: {facts.thread.workspace}\n- platform: {sys.platform}",
        "instructions": facts.instructions,
        "skills": facts.skills,
        "memory": facts.memory,
        "anchors": facts.anchors,
        "handoff": facts.handoff,
        "working_set": facts.working_set,
        "mode": _mode(facts.mode),
        "approvals": facts.approvals,
        "sandbox": f"Sandbox: {facts.confined}." if facts.confined else "",
        "date": f"Today is {facts.today}.",
    }
    return tuple(ContextPart(name=name, text=text) for name, text in texts.items() if text)


def system_of(parts: Iterable[ContextPart]) -> str:
    """The system text."""
    return "\n\n".join(part.text for part in parts) + "\n"


def digests(parts: Iterable[ContextPart]) -> dict[str, str]:
    """A short digest of each part's text, by name."""
    from hashlib import sha256  # noqa: PLC0415 - start-up: a thread's first turn has nothing to compare

    return {part.name: sha256(part.text.encode(errors="replace")).hexdigest()[:16] for part in parts}


def drifted(parts: Iterable[ContextPart], known: Mapping[str, str]) -> tuple[ContextPart, ...]:
    """The parts that are not what the model was last told, given the digests of that; one that is gone has no text."""
    now = {part.name: part for part in parts}
    current = digests(now.values())
    changed = [part for name, part in now.items() if known.get(name) != current[name]]
    gone = [ContextPart(name=name, text="") for name, digest in known.items() if name not in now and digest]
    return (*changed, *gone)


def update_of(parts: Iterable[ContextPart]) -> str:
    """The message that tells of changed parts."""
    from codewhale.context.visible import element  # noqa: PLC0415 - start-up: few turns have something to tell

    inner = "\n".join(element("part", _bounded(part.text), name=part.name) for part in parts)
    return (
        "<context_update>\nThe following has changed since this conversation began and replaces what was said of it "
        f"before.\n{inner}\n</context_update>"
    )


def _bounded(text: str) -> str:
    if not text:
        return "(There is none any more.)"
    from codewhale.context.visible import visible  # noqa: PLC0415 - start-up: as above

    if len(text) <= LONGEST_UPDATE:
        return visible(text)
    return f"{visible(text[:LONGEST_UPDATE])}\n[cut here: {len(text) - LONGEST_UPDATE:,} characters left out]"


@cache
def base_prompt() -> str:
    """The packaged base prompt."""
    return _packaged("base.md")


def _mode(mode: Mode) -> str:
    return _packaged(os.path.join("modes", f"{mode}.md")).strip()


@cache
def _packaged(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), "prompts", name), encoding="utf-8") as file:
        return file.read()
