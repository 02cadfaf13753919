"""`codewhale exec`: one turn, from a prompt to an exit code.

Only the answer goes to stdout (or JSON, where that was asked for); tools, questions and the bill go to stderr.
"""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import structs

from codewhale.config.settings import Settings
from codewhale.config.sources import refuse_automatic
from codewhale.domain.budgets import Caps
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.confinement import Tier
from codewhale.domain.errors import CodewhaleError
from codewhale.runtime.ahead import ready_calls
from codewhale.runtime.owner import owner_of
from codewhale.runtime.vouching import untrusted_of
from codewhale.surfaces.cli.drive import Output, Run, drive
from codewhale.surfaces.cli.failures import sole
from codewhale.surfaces.cli.opening import opened
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.prompt import read_prompt
from codewhale.surfaces.cli.terminal import Piece, Terminal
from codewhale.surfaces.cli.threads_of import Choice

_RESUMING = (("resume", "--resume"), ("session_id", "--session-id"), ("continue_", "--continue"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="PROMPT", help="what to do; `-` reads it from standard input")
    parser.add_argument("-p", "--prompt", metavar="TEXT", help="the prompt, when it could be taken for something else")
    parser.add_argument("--prompt-file", metavar="FILE", help="read the prompt from a file")
    parser.add_argument("--auto", action="store_true", help="allow what the model wants to do without asking")
    parser.add_argument(
        "--yolo", action="store_true", help="like --auto, and allow shell commands whatever the settings say"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end instead of text")
    parser.add_argument(
        "--output-format", choices=["text", "stream-json"], help="stream-json: one JSON object per line, as it happens"
    )
    parser.add_argument(
        "--continue", dest="continue_", action="store_true", help="go on with this folder's latest thread"
    )
    parser.add_argument("--resume", metavar="ID", help="go on with this thread; the first letters of its id are enough")
    parser.add_argument("--session-id", metavar="ID", help="go on with this thread; the whole id")
    parser.add_argument("--max-turns", type=int, metavar="N", help="stop after N model calls (exit code 75)")
    parser.add_argument("--max-cost", type=float, metavar="USD", help="budget of this turn in dollars (exit code 75)")
    parser.add_argument(
        "--max-tokens", type=int, metavar="N", help="budget of this turn in tokens, in and out together"
    )


def run(args: argparse.Namespace) -> int:
    """Run one turn; the exit code tells how it ended."""
    _check(args)
    terminal = Terminal()
    out = Output("json" if args.json else args.output_format or "text", terminal)
    try:
        settings = settings_of(args)
        if args.auto or args.yolo:
            refuse_automatic(settings.required, "--yolo" if args.yolo else "--auto")
        words = [*args.words, args.prompt] if args.prompt is not None else args.words
        prompt = read_prompt(words, args.prompt_file)
        return _finished(_run(args, settings, prompt, out))
    except CodewhaleError as error:
        out.failed(error)
        raise


def _finished(turn: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(turn)
    except BaseExceptionGroup as group:
        raise sole(group) from None


async def _run(args: argparse.Namespace, settings: Settings, prompt: str, out: Output) -> int:
    owner = owner_of(settings.runtime_dir)
    choice = Choice(
        workspace=settings.workspace,
        prefix=args.resume,
        exact=args.session_id,
        latest=args.continue_,
        provider=args.provider,
        new=_new(args, settings),
    )
    if owner is None and not choice.resumes:
        await ready_calls(settings)
    allow = args.auto or args.yolo
    turn = TurnInput(
        prompt=prompt,
        model=args.model if choice.resumes else None,
        allow_shell=_shell(args, settings),
        trust_mode=True if args.yolo else None,
        auto_approve=True if allow else None,
        max_steps=args.max_turns,
        budget=_budget(args),
    )
    mode = "agent" if allow or choice.resumes or out.format == "stream-json" else "one-shot"
    if not allow and not out.terminal.asks:
        refuse_bare(settings, _tier_here)
    out.untrusted = untrusted_of(settings, settings.workspace)
    if out.untrusted:
        names = ", ".join(out.untrusted)
        out.terminal.show([Piece("note", f"note: not trusted, so not run: {names} (`codewhale trust show`)")])
    async with opened(settings, "exec", owner) as client:
        run = Run(choice=choice, turn=turn, mode=mode, deny=None, alone=owner is None)
        return await drive(client, _ran(args, settings, out, run), out)


def _budget(args: argparse.Namespace) -> Caps | None:
    for name, value in (("--max-cost", args.max_cost), ("--max-tokens", args.max_tokens)):
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{name} must be more than nothing, not {value}")
    if args.max_cost is None and args.max_tokens is None:
        return None
    return Caps(usd=args.max_cost, tokens=args.max_tokens)


def refuse_bare(settings: Settings, tier: Callable[[], Tier]) -> None:
    """Raise `UsageError` when programs would run by themselves, with nobody there and no sandbox, by the settings alone."""
    by_themselves = settings.mode == "yolo" or settings.approval_policy == "auto"
    if by_themselves and settings.allow_shell is not False and tier() == "none":
        raise UsageError(
            "nobody is here to ask, no sandbox works on this machine, and the settings let programs run by themselves",
            hint="say on this command line that it is meant (--auto or --yolo); `codewhale sandbox probe` says what is missing",
        )


def _tier_here() -> Tier:
    from codewhale.runtime.judging import tier_here  # noqa: PLC0415 - start-up: only headless runs that approve ask

    return tier_here()


def _new(args: argparse.Namespace, settings: Settings) -> NewThread:
    return NewThread(
        model=args.model,
        model_provider=args.provider,
        workspace=settings.workspace,
        mode=settings.mode,
        allow_shell=_shell(args, settings),
    )


def _shell(args: argparse.Namespace, settings: Settings) -> bool:
    """Here each command is asked for, so the shell is offered unless the settings forbid it."""
    return True if args.yolo else settings.allow_shell is not False


def _ran(args: argparse.Namespace, settings: Settings, out: Output, run: Run) -> Run:
    """The run with who answers: --auto and --yolo are given on this very command line, so they also speak for programs that
    no sandbox holds; what a rule, a hook or a protected file wants asked still is."""
    given = "--yolo" if args.yolo else "--auto" if args.auto else None
    bare = f"{given} on this command line" if given else None
    return structs.replace(run, deny=_deny(settings, out.terminal, given), allow_bare=bare)


def _deny(settings: Settings, terminal: Terminal, given: str | None) -> str | None:
    if given is not None:
        return None if terminal.asks else f"a person has to answer this, also with {given}, and there is no terminal"
    if settings.approval_policy == "never":
        return 'approval_policy is "never"; allow with --auto'
    return None if terminal.asks else "no terminal to ask on; allow with --auto"


def _check(args: argparse.Namespace) -> None:
    chosen = [name for field, name in _RESUMING if getattr(args, field)]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0]} and {chosen[1]} do not go together", hint="name the thread in one way")
    if args.json and args.output_format:
        raise UsageError(
            "--json and --output-format do not go together", hint="--output-format stream-json streams JSON"
        )
    if args.max_turns is not None and args.max_turns < 1:
        raise UsageError("--max-turns must be at least 1")
    _budget(args)
