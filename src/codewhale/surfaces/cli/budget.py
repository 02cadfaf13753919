"""`codewhale budget`: what model calls may use, and how much of that is used."""

import argparse

import msgspec

from codewhale.domain.budgets import BudgetStanding
from codewhale.runtime.maintenance import store_exists
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, say, write_lines, write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "thread", nargs="?", metavar="THREAD", help="also the budgets above this thread, by its whole id"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print the budgets as they stand."""
    settings = settings_of(args)
    if not settings.budgets.caps:
        say(f"No budgets are set ([budgets.day] and others in {settings.config_path}).")
        return 0
    if not store_exists(settings):
        say(f"Nothing was used yet in {settings.runtime_dir}.")
        return 0
    standing = with_client(settings, "budget", lambda client: client.introspection.budgets(args.thread))
    if args.json:
        write_lines([msgspec.json.encode(standing)])
    else:
        write_text(clean(text(standing)))
    return 0


def text(standing: list[BudgetStanding]) -> str:
    """One line for each cap."""
    lines = [line for one in standing for line in _lines(one)]
    return "\n".join(lines or ["No budget holds here."]) + "\n"


def _lines(one: BudgetStanding) -> list[str]:
    name = f"{one.scope} {one.key}"
    found: list[str] = []
    if one.caps.usd is not None:
        found.append(f"{name}: {one.usd:.4f} of {one.caps.usd:.4f} dollars ({_share(one.usd, one.caps.usd)})")
    if one.caps.tokens is not None:
        found.append(f"{name}: {one.tokens:,} of {one.caps.tokens:,} tokens ({_share(one.tokens, one.caps.tokens)})")
    if one.caps.requests is not None:
        share = _share(one.requests, one.caps.requests)
        found.append(f"{name}: {one.requests:,} of {one.caps.requests:,} model calls ({share})")
    if one.caps.seconds is not None:
        found.append(f"{name}: at most {one.caps.seconds:g} seconds of turns")
    return found


def _share(used: float, cap: float) -> str:
    return f"{used / cap:.0%}" if cap else "all"
