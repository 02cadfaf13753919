"""What a hook's output means. Pure: from exit code and text to advice on a call, a message, or variables.

Exit code 2 blocks. Any other failure is a failure of the hook, not a verdict.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.tools import Advice

BLOCKED = 2
REASON_CHARS = 500
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEVER = frozenset({"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "ENV", "DYLD_INSERT_LIBRARIES"})
"""Variables that make every program run code; a hook gives a command an environment, not a passenger."""


class Ran(Struct, frozen=True, kw_only=True):
    """How a hook ended. `problem` says why it gave no verdict: it could not start, ran too long, or failed."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    problem: str | None = None


class Submitted(Struct, frozen=True, kw_only=True):
    """What becomes of a message: its text, or why it is not sent."""

    text: str
    blocked: str | None = None


class _Verdict(Struct, frozen=True, rename="camel"):
    decision: Literal["allow", "deny", "ask"] | None = None
    reason: str = ""
    updated_input: dict[str, object] | None = None
    additional_context: str | None = None


class _Message(Struct, frozen=True):
    text: str | None = None


def advice(ran: Ran, source: str, *, strict: bool) -> Advice | None:
    """What the hook says about a call; None when it says nothing. A strict hook that says nothing denies."""
    if ran.exit_code == BLOCKED:
        return Advice(source=source, verdict="deny", reason=_reason(ran))
    try:
        said = (
            msgspec.json.decode(ran.stdout, type=_Verdict) if ran.stdout.strip() and ran.problem is None else _Verdict()
        )
    except msgspec.DecodeError as error:
        said, ran = _Verdict(), Ran(problem=f"its answer is no verdict: {error}")
    if said.decision is None and strict:
        return Advice(source=source, verdict="deny", reason=ran.problem or "it is strict and gave no verdict")
    if said == _Verdict():
        return None
    return Advice(
        source=source,
        verdict=said.decision,
        reason=said.reason[:REASON_CHARS],
        arguments=None if said.updated_input is None else msgspec.json.encode(said.updated_input).decode(),
        context=said.additional_context,
    )


def submitted(ran: Ran, text: str) -> Submitted:
    """The message after the hook saw it. Output that is not `{"text": …}` changes nothing."""
    if ran.exit_code == BLOCKED:
        return Submitted(text=text, blocked=_reason(ran))
    if ran.problem is not None or not ran.stdout.strip():
        return Submitted(text=text)
    try:
        changed = msgspec.json.decode(ran.stdout, type=_Message).text
    except msgspec.DecodeError:
        return Submitted(text=text)
    return Submitted(text=changed if changed is not None and changed.strip() else text)


def exported(ran: Ran) -> dict[str, str]:
    """The variables of `KEY=VALUE` lines (`export` before them is allowed, quotes around the value are taken off). A hook
    that failed gives none."""
    if ran.problem is not None or ran.exit_code != 0:
        return {}
    found: dict[str, str] = {}
    for line in ran.stdout.splitlines():
        name, equals, value = line.strip().removeprefix("export ").strip().partition("=")
        if equals and _NAME.fullmatch(name) and name not in _NEVER and "\0" not in value:
            found[name] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    return found


def _reason(ran: Ran) -> str:
    return (ran.stderr.strip() or ran.stdout.strip() or "it blocked this and gave no reason")[:REASON_CHARS]


_STRICTNESS = {None: 0, "allow": 1, "ask": 2, "deny": 3}


def folded(said: Sequence[Advice]) -> Advice | None:
    """What several hooks say about one call as one: the strictest verdict with its source and reason, the last changed input,
    everything that is to be told."""
    if not said:
        return None
    strictest = max(said, key=lambda one: _STRICTNESS[one.verdict])
    context = "\n".join(one.context for one in said if one.context)
    return replace(
        strictest,
        arguments=next((one.arguments for one in reversed(said) if one.arguments is not None), None),
        context=context or None,
    )
