"""What a tool is: a value with an argument type, its effects, a default rule and `run(args, ctx)`.

One file per tool or tool family, each with `TOOLS = (...)`; `registry.py` lists them all. The JSON schema comes from the
argument type: field docs are `Annotated[..., Meta(description=...)]`. Unknown arguments are an error to the model.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from msgspec import Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import Effect, ToolOutput, Verdict
from codewhale.domain.wishes import R, Wish
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes
from codewhale.workspace.web.web import NOWHERE, Web


class Ask(Protocol):
    """Has a wish granted and waits; `ToolError(not_available)` where nobody can grant it."""

    async def __call__(self, wish: Wish[R]) -> R: ...


class ToolContext(Struct, frozen=True, kw_only=True):
    """All that a running tool may touch. `progress` shows text to people while the tool runs; it never blocks."""

    files: Files
    processes: Processes
    web: Web = NOWHERE
    progress: Callable[[str], None]
    ask: Ask


class Tool(Struct, frozen=True, kw_only=True):
    """A capability. `default` is the verdict where no rule says otherwise; `describe` makes the one line that a person
    sees in an approval. `arguments` must be a msgspec struct with `forbid_unknown_fields`. `command` gives the shell text that
    a call would run and the folder it names, for the gate to judge; a tool that runs shell text must have it. `paths` gives
    the files that a call names; a tool that takes paths must have it. `hosts` gives the canonical names of the hosts that a
    call would reach; a tool with the effect `network` must have it. `resolve` turns the arguments, before anybody looks at them,
    into what all of these functions and `run` get: for a tool whose deeds depend on the workspace, so that what is decided on
    is what is done. It reads a few files at most, and raises `ToolError`."""

    name: str
    description: str
    arguments: type[Struct]
    effects: frozenset[Effect]
    default: Verdict
    run: Callable[[Any, ToolContext], Awaitable[ToolOutput]]
    describe: Callable[[Any], str] | None = None
    command: Callable[[Any], tuple[str, str | None]] | None = None
    paths: Callable[[Any], Iterable[Touch]] | None = None
    hosts: Callable[[Any, Web], Iterable[str]] | None = None
    resolve: Callable[[Any, Files], Struct] | None = None
