"""`exec_shell_wait`, `exec_shell_interact`, `exec_shell_cancel`: the processes that `exec_shell` started in the background.

Each answers with what is new of the output since the last look. Waiting is for something to happen: it costs nothing.
"""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.background import metadata, seen, shown
from codewhale.tools.process_wishes import Look, StopProcesses, WatchProcess
from codewhale.tools.tool import Tool, ToolContext

MAX_TIMEOUT_MS = 600_000
SETTLE_SECONDS = 1.0
"""Silence after which output counts as said."""
QUICK_SETTLE_SECONDS = 0.2
INPUT_LIMIT = 64 * 1024

TaskId = Annotated[str, Meta(min_length=1, description="The id that the start gave.")]


class ExecShellWait(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `exec_shell_wait`."""

    task_id: TaskId
    timeout_ms: Annotated[int, Meta(ge=0, le=MAX_TIMEOUT_MS)] = 30_000
    wait: Annotated[bool, Meta(description="false: only look. Default true.")] = True


class ExecShellInteract(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `exec_shell_interact`. `stdin` and `data` are other names of `input`."""

    task_id: TaskId
    input: Annotated[str | None, Meta(description="Text to type, with its newline.")] = None
    stdin: str | None = None
    data: str | None = None
    timeout_ms: Annotated[int, Meta(ge=0, le=MAX_TIMEOUT_MS)] = 1000
    close_stdin: Annotated[bool, Meta(description="Close its input after that.")] = False


class ExecShellCancel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `exec_shell_cancel`. `id` is another name of `task_id`."""

    task_id: str | None = None
    id: str | None = None
    all: Annotated[bool, Meta(description="End all of this thread.")] = False


async def wait(args: ExecShellWait, ctx: ToolContext) -> ToolOutput:
    """Until it ends, has said something and is silent, or the time is over."""
    seconds = args.timeout_ms / 1000 if args.wait else 0.0
    look = await ctx.ask(WatchProcess(name=args.task_id, seconds=seconds, settle=SETTLE_SECONDS))
    return ToolOutput(text=shown(look), metadata=seen(look))


async def interact(args: ExecShellInteract, ctx: ToolContext) -> ToolOutput:
    """Type, and give what it answers."""
    text = _typed(args)
    if not text and not args.close_stdin:
        raise ToolError("Nothing to type: give input, or close_stdin. exec_shell_wait only looks.")
    if len(text.encode("utf-8", "replace")) > INPUT_LIMIT:
        raise ToolError(f"The input is longer than {INPUT_LIMIT} bytes; write it to a file and name that.")
    wish = WatchProcess(
        name=args.task_id,
        seconds=args.timeout_ms / 1000,
        settle=QUICK_SETTLE_SECONDS,
        text=text,
        close=args.close_stdin,
    )
    look = await ctx.ask(wish)
    return ToolOutput(text=shown(look), metadata=seen(look))


async def cancel(args: ExecShellCancel, ctx: ToolContext) -> ToolOutput:
    """End it, or all of the thread's, with everything they started."""
    name = args.task_id or args.id
    if (name is None) != args.all:
        raise ToolError("Give either task_id or all: true.", category="invalid_input")
    looks = await ctx.ask(StopProcesses(name=name))
    if not looks:
        return ToolOutput(text="No background process is running.", metadata={"canceled": []})
    return ToolOutput(text="\n".join(shown(look) for look in looks), metadata=_canceled(looks))


def _canceled(looks: tuple[Look, ...]) -> dict[str, object]:
    told = seen(looks[0]) if len(looks) == 1 else {"processes": [metadata(look.process) for look in looks]}
    return {**told, "canceled": [look.process.id for look in looks]}


def _typed(args: ExecShellInteract) -> str:
    given = [text for text in (args.input, args.stdin, args.data) if text is not None]
    if len(given) > 1:
        raise ToolError("input, stdin and data are the same thing; give one.", category="invalid_input")
    return given[0] if given else ""


def _typing(args: ExecShellInteract) -> tuple[str, str | None]:
    """What is typed may be a command: a shell may be what reads it."""
    return next((text for text in (args.input, args.stdin, args.data) if text is not None), ""), None


def _describe_interact(args: ExecShellInteract) -> str:
    text = _typing(args)[0]
    shown_text = text if text.isprintable() else text.encode("unicode_escape").decode()
    typed = f'Type "{shown_text}" into' if text else "Close the input of"
    return f"{typed} {args.task_id}"


def _describe_cancel(args: ExecShellCancel) -> str:
    return "End all background processes of this thread" if args.all else f"End {args.task_id or args.id}"


TOOLS = (
    Tool(
        name="exec_shell_wait",
        description=(
            "Look at a background process: its new output and whether it has ended. Waits for its end, or for output "
            "followed by a second of silence, at most timeout_ms."
        ),
        arguments=ExecShellWait,
        effects=frozenset({"read"}),
        default="allow",
        run=wait,
    ),
    Tool(
        name="exec_shell_interact",
        description="Type into a background process and read its answer; close_stdin ends its input.",
        arguments=ExecShellInteract,
        effects=frozenset({"execute"}),
        default="ask",
        run=interact,
        describe=_describe_interact,
        command=_typing,
    ),
    Tool(
        name="exec_shell_cancel",
        description="End a background process, with everything that it started, or all of this thread.",
        arguments=ExecShellCancel,
        effects=frozenset({"execute"}),
        default="ask",
        run=cancel,
        describe=_describe_cancel,
    ),
)
