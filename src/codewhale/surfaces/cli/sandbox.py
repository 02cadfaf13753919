"""`codewhale sandbox`: run one command in the cage that the agent's commands run in, and see what that cage holds against.

`run` gives the command our standard streams, passes signals on to it and ends with its exit code. Where nothing confines
programs it refuses, unless full access was asked for by name.
"""

import argparse
import asyncio
import sys

import msgspec

from codewhale.domain.confinement import POLICY_WORDS
from codewhale.domain.errors import ToolError
from codewhale.runtime.sandbox import LEFT_OVER, MUST_WORK, Report, Wish, probed, run_one
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

SETUP_FAILED = 125


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "action",
        choices=["run", "probe"],
        help="run: run one command in the sandbox, -- before it; probe: try 53 attacks on the sandbox and list them",
    )
    parser.add_argument("words", nargs="*", metavar="CMD", help="the command and its arguments, after --")
    parser.add_argument("--policy", choices=POLICY_WORDS, help="what the command may write (default: workspace-write)")
    parser.add_argument(
        "--network", action="store_true", help="let the command reach the hosts that [network] of the settings allows"
    )
    parser.add_argument(
        "--writable-root", action="append", metavar="DIR", help="one more folder that it may write; once for each"
    )
    parser.add_argument(
        "--tier", choices=["bubblewrap", "landlock", "seatbelt"], help="probe: this one instead of the best one here"
    )
    parser.add_argument("--json", action="store_true", help="probe: one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """The command's own exit code, 125 when its cage could not be set up; for `probe` 0 when nothing got out."""
    if args.action == "probe":
        return _probe(args)
    if args.json or args.tier:
        raise UsageError("--json and --tier are for `sandbox probe`")
    argv = tuple(args.words[1:] if args.words[:1] == ["--"] else args.words)
    if not argv:
        raise UsageError("no command to run", hint="codewhale sandbox run -- ls -l")
    wish = Wish(argv=argv, policy=args.policy, network=args.network, writable=tuple(args.writable_root or ()))
    settings = settings_of(args, quiet=True)
    if (args.policy or settings.sandbox.policy) in ("danger-full-access", "external-sandbox"):
        _say("nothing of codewhale's confines this command")
    try:
        code, _ = asyncio.run(run_one(settings, wish))
    except ToolError as error:
        _say(error.message)
        return SETUP_FAILED
    return code


def _probe(args: argparse.Namespace) -> int:
    if args.words or args.policy or args.network or args.writable_root:
        raise UsageError("`sandbox probe` takes --tier and --json only")
    found = probed(args.tier)
    out = [name for name, worked in found.cells.items() if worked and name not in (*MUST_WORK, *LEFT_OVER)]
    if args.json:
        write_lines([msgspec.json.encode(found)])
    else:
        write_text("".join(f"{clean(line)}\n" for line in _lines(found)))
    return 1 if out or found.tier == "none" else 0


def _lines(found: Report) -> list[str]:
    where = f" ({found.binary})" if found.binary else ""
    lines = [f"tier        {found.tier}{where}"]
    lines += [f"without     {tier}: {reason}" for tier, reason in found.missing.items()]
    for name, worked in found.cells.items():
        if name in MUST_WORK:
            word = "works" if worked else "FAILS"
        elif worked is None:
            word = "not tried"
        else:
            word = "GETS OUT" if worked and name not in LEFT_OVER else "left over" if worked else "held"
        lines.append(f"{word:<12}{name}")
    return lines


def _say(text: str) -> None:
    sys.stderr.write(f"codewhale: {clean(text)}\n")
