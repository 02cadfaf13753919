"""`codewhale hooks`: which programs run at which points here, and where events are delivered to. Runs none of them."""

import argparse

import msgspec

from codewhale.domain.hooks import Always, Condition, Hook
from codewhale.runtime.hook_listing import HookListing, SinkStanding, hook_listing
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print the hooks and sinks that hold in the workspace."""
    settings = settings_of(args)
    listing = hook_listing(settings, settings.workspace)
    if args.json:
        write_lines([msgspec.json.encode(listing)])
    else:
        write_text(clean(text(listing, settings.config_path)))
    return 0


def text(listing: HookListing, config: str) -> str:
    """The listing for people."""
    lines = [] if listing.enabled else ["Hooks are switched off: [hooks] enabled = false."]
    lines += [_line(hook) for hook in listing.own] or [f"No hooks of your own ([[hooks.hooks]] in {config})."]
    if listing.problem is not None:
        lines.append(f"This project's hooks do not run: {listing.problem}")
    elif listing.project:
        state = "" if listing.trusted else " (not trusted, so they do not run; see `codewhale trust`)"
        lines += [f"This project's hooks{state}:", *(_line(hook) for hook in listing.project)]
    lines += [_sink(standing) for standing in listing.sinks]
    return "\n".join(lines) + "\n"


def _line(hook: Hook) -> str:
    traits = [f"{hook.timeout:g} s"]
    traits += ["in the background"] if hook.background else []
    traits += ["strict"] if hook.strict else []
    traits += [] if hook.continue_on_error else ["stops the others when it fails"]
    when = "" if isinstance(hook.condition, Always) else f" when {_condition(hook.condition)}"
    return f"{hook.event:<18} {hook.name}: {hook.command}{when} ({', '.join(traits)})"


def _condition(condition: Condition) -> str:
    return msgspec.json.encode(condition).decode()


def _sink(standing: SinkStanding) -> str:
    sink = standing.sink
    wanted = ", ".join(sink.events) or "all events"
    reached = "nothing yet" if standing.delivered is None else f"delivered up to event {standing.delivered}"
    return f"{'sink':<18} {sink.kind} {sink.target}: {wanted} ({reached})"
