"""`codewhale trust`: what this folder could make codewhale run, and your word that it may. Enter alone trusts nothing.

Looking runs nothing. What was trusted is trusted as it was: a change of a byte takes it back.
"""

import argparse
import sys

import msgspec

from codewhale.config.settings import Settings
from codewhale.domain.errors import CodewhaleError, InvalidInput, NotFound
from codewhale.runtime.trust import Standing, distrust_path, grant, revoke, standing_of, trust_path, trusted_paths
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

_MEANS = {
    "hooks": "programs that run at points of a turn",
    "mcp": "programs that are started as tool servers",
    "skill": "a skill with scripts in it",
    "agents": "definitions of agents",
    "commands": "commands of the project",
}
_PATH_ACTIONS = ("add", "remove", "list")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=["list", "show", "grant", "revoke", "path"],
        help="list: what could run here (default); show: the same in full; grant: trust it as it is; revoke: take that "
        "back; path: directories outside this folder (path add DIR, path remove DIR, path list)",
    )
    parser.add_argument("words", nargs="*", metavar="NAME", help="which ones, as `list` names them (default: all)")
    parser.add_argument(
        "--yes",
        action="append",
        metavar="DIGEST",
        help="for grant, without asking: trust the one with this digest (`show` prints them); once for each",
    )
    parser.add_argument("--json", action="store_true", help="for list and show: JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; 1 when something was to be trusted and was not."""
    settings = settings_of(args)
    if args.yes and args.action != "grant":
        raise UsageError("--yes is for `trust grant`")
    if args.json and args.action not in ("list", "show"):
        raise UsageError("--json is for `trust list` and `trust show`")
    if args.action == "path":
        return _path(args.words, settings)
    found = standing_of(settings)
    chosen = _chosen(found, args.words)
    if args.action in ("list", "show"):
        if args.json:
            write_lines([msgspec.json.encode(chosen)])
        else:
            write_text(clean(listing(chosen, settings.workspace, full=args.action == "show")))
        return 0
    if args.action == "revoke":
        count = revoke(settings, args.words)
        print(f"{count} no longer trusted." if count else "Nothing of that was trusted.")
        return 0
    return _grant(settings, [one for one in chosen if one.ours and not one.trusted], args.yes)


def listing(found: list[Standing], workspace: str, *, full: bool) -> str:
    """What could run, as text: ours with how it stands, then what other programs would run."""
    own = [one for one in found if one.ours]
    others = [one for one in found if not one.ours]
    lines = [] if own else [f"Nothing in {workspace} could make codewhale run something."]
    for one in own:
        lines.append(f"{'trusted  ' if one.trusted else 'UNTRUSTED'}  {one.path}  ({_MEANS.get(one.kind, one.kind)})")
        if full:
            lines += _details(one)
    if others:
        lines.append("Other programs may run what is in these; codewhale does not:")
        lines.append("  " + ", ".join(one.path for one in others))
    return "\n".join(lines) + "\n"


def _details(one: Standing) -> list[str]:
    lines = [f"    leads to {one.leads_to}"] if one.leads_to else []
    for program in one.runs:
        lines.append(f"    runs     {' '.join(program.command.split())}")
        lines.append(f"    that is  {program.file or 'not found now'}")
    lines.append(f"    digest   {one.digest}" if one.digest else f"    cannot be trusted: {one.problem}")
    return lines


def _chosen(found: list[Standing], names: list[str]) -> list[Standing]:
    if not names:
        return found
    by_path = {one.path: one for one in found}
    unknown = [name for name in names if name not in by_path]
    if unknown:
        raise NotFound(f"there is no {unknown[0]} here", hint="`codewhale trust list` names what there is")
    return [by_path[name] for name in names]


def _grant(settings: Settings, wanted: list[Standing], digests: list[str] | None) -> int:
    if not wanted:
        print("There is nothing here that is not trusted.")
        return 0
    lost = next((one for one in wanted if one.digest is None), None)
    if lost is not None and digests is None:
        raise InvalidInput(f"{lost.path} cannot be trusted: {lost.problem}", hint="name those that you mean")
    if digests is not None:
        given = {one.path: one.digest or "" for one in wanted if one.digest in digests}
        unknown = [digest for digest in digests if digest not in given.values()]
        if unknown:
            raise InvalidInput(
                f"nothing here has the digest {unknown[0][:80]}", hint="it has changed? `codewhale trust show`"
            )
    else:
        write_text(clean(listing(wanted, settings.workspace, full=True)))
        if not _agreed(len(wanted)):
            raise CodewhaleError("nothing was trusted", hint="type yes to trust; in scripts: --yes DIGEST for each")
        given = {one.path: one.digest or "" for one in wanted}
    changed = grant(settings, given)
    if changed:
        raise CodewhaleError(f"{changed[0]} has changed meanwhile; nothing was trusted", hint="look at it again")
    print(f"{len(given)} trusted as they are now; any change takes it back.")
    return 0


def _agreed(count: int) -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    print(f"These {count} could then run on your machine, as you. Trust them? Type yes: ", end="", flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


def _path(words: list[str], settings: Settings) -> int:
    action, *directories = words or ["list"]
    if action not in _PATH_ACTIONS or len(directories) != (action != "list"):
        raise UsageError("`trust path` takes: add DIR, remove DIR, or list")
    if action == "add":
        print(clean(f"Threads in {settings.workspace} may use {trust_path(settings, directories[0])} now."))
    elif action == "remove":
        if not distrust_path(settings, directories[0]):
            raise NotFound(f"{directories[0]} was not on the list", hint="`codewhale trust path list` shows it")
        print("Taken off the list.")
    else:
        write_text(clean("".join(f"{path}\n" for path in trusted_paths(settings)) or "No directories.\n"))
    return 0
