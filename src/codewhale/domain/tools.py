"""What a tool gives back, what a call may do to the world, and the verdict on it."""

from typing import Literal

from msgspec import Struct

Effect = Literal["read", "write", "execute", "network", "interact", "record"]
"""`read` changes nothing, `write` changes workspace files, `execute` runs programs, `network` leaves the machine,
`interact` needs a person, `record` changes what codewhale itself keeps and nothing else."""

Verdict = Literal["allow", "ask", "deny"]


class ToolOutput(Struct, frozen=True, kw_only=True):
    """`text` is for the model and bounded; `metadata` is for people and programs (diffs, exit codes)."""

    text: str
    metadata: dict[str, object] | None = None
    is_error: bool = False


class Advice(Struct, frozen=True, kw_only=True):
    """What a program of the person's (`source`) says about a call before it is decided on. `arguments` is JSON text to run
    the call with instead; `context` is told to the model with the result; `environ` are variables for the programs it starts."""

    source: str
    verdict: Verdict | None = None
    reason: str = ""
    arguments: str | None = None
    context: str | None = None
    environ: tuple[tuple[str, str], ...] = ()
