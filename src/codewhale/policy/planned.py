"""A call about to run, with all that the gate looks at, and the seal that binds an approval to exactly this call.

Pure values: whoever plans the call has resolved its paths and judged its command before.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from codewhale.domain.decisions import Target
from codewhale.domain.network import Reach
from codewhale.domain.tools import Advice, Effect, Verdict
from codewhale.policy.commands.verdict import Judgement


class ShellText(Struct, frozen=True, kw_only=True):
    """A shell text as rules see it. `parts` are the words of every command in it, also of those inside other shells; with
    `whole` false it was too long for all of them to be listed. `plain` are the words of a text that is one simple command
    and nothing else, None for any other."""

    text: str
    cwd: str
    parts: tuple[tuple[str, ...], ...] = ()
    plain: tuple[str, ...] | None = None
    whole: bool = True


class PlannedCall(Struct, frozen=True, kw_only=True):
    """A call about to run. `arguments` is its JSON text; without it the call has no key and cannot be remembered. `judged` is
    the verdict on the shell command that it would run, `advice` what hooks say, `reach` what the network policy says of each of
    the `hosts`. Paths are absolute."""

    tool: str
    effects: frozenset[Effect]
    default: Verdict
    description: str
    arguments: str | None = None
    judged: Judgement | None = None
    advice: tuple[Advice, ...] = ()
    workspace: str = "/"
    home: str | None = None
    command: ShellText | None = None
    targets: tuple[Target, ...] = ()
    hosts: tuple[str, ...] = ()
    reach: tuple[Reach, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()
    call_id: str = ""


def approval_key(call: PlannedCall) -> str | None:
    """What a remembered decision is bound to: the tool and every byte of what it would do, whatever the order of the
    fields. None for a call without arguments, or whose arguments are no JSON."""
    if call.arguments is None:
        return None
    try:
        plain = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return None
    return f"{call.tool}:{_digest([call.tool, plain])}"


def seal(call: PlannedCall, confinement: Iterable[str]) -> str:
    """The sha256 that an approval of this call covers: tool, arguments byte for byte, command, folder, changes of the
    environment, files (as named and where they lead), hosts, and the words for what will confine it."""
    command = call.command
    return _digest(
        [
            call.tool,
            call.arguments,
            call.workspace,
            [command.text, command.cwd] if command is not None else None,
            sorted(call.environ),
            [[t.given, t.path, t.real, t.write] for t in call.targets],
            list(call.hosts),
            list(confinement),
        ]
    )


def _digest(value: object) -> str:
    from hashlib import sha256  # noqa: PLC0415 - start-up: most runs ask for nothing

    return sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
