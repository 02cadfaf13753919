"""`codewhale models`: which models can be named, who serves them, and what runs on this machine."""

import argparse
import asyncio

import msgspec

from codewhale.config.settings import Settings
from codewhale.runtime.model_listing import Listing, LocalServer, listed, local_servers, readiness
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

SHOWN = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help=f"all models, not the first {SHOWN}")
    parser.add_argument("--refresh", action="store_true", help="ask the provider anew, not what it said a moment ago")
    parser.add_argument("--offline", action="store_true", help="ask nobody: show what codewhale knows by itself")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print the models of the provider in use, the other providers, and the servers found running."""
    settings = settings_of(args)
    listing, servers = asyncio.run(_found(settings, refresh=args.refresh, offline=args.offline))
    if args.json:
        write_lines([msgspec.json.encode({"in_use": listing, "local": servers, "providers": readiness(settings)})])
        return 0
    shown = listing.models if args.all else listing.models[:SHOWN]
    lines = [f"{listing.provider} at {listing.url} (in use); named by {listing.source}"]
    if listing.problem is not None:
        lines.append(f"  could not be asked: {listing.problem}")
    lines += [_line(settings, model.id, model.window) for model in shown]
    if len(shown) < len(listing.models):
        lines.append(f"  and {len(listing.models) - len(shown)} more (--all)")
    lines += _local(servers)
    ready = [name for name, state in readiness(settings).items() if state == "ready" and name != listing.provider]
    if ready:
        lines += ["", f"Also ready, with --provider NAME: {', '.join(ready)}"]
    write_text(clean("\n".join(lines) + "\n"))
    return 0


async def _found(settings: Settings, *, refresh: bool, offline: bool) -> tuple[Listing, tuple[LocalServer, ...]]:
    if offline:
        return await listed(settings, offline=True), ()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(listed(settings, refresh=refresh))
        running = group.create_task(local_servers(settings))
    return asked.result(), running.result()


def _line(settings: Settings, model: str, window: int | None) -> str:
    mark = "*" if model == settings.route.model else " "
    return f"  {mark} {model}" + (f"  ({window:,} tokens)" if window else "")


def _local(servers: tuple[LocalServer, ...]) -> list[str]:
    lines = ["", "Running on this machine:"] if servers else []
    for server in servers:
        names = ", ".join(server.models[:5]) + (", ..." if len(server.models) > 5 else "") or "no model yet"
        lines.append(f"  {server.provider} at {server.url}: {names}")
        if server.models:
            lines.append(f'    try: codewhale exec --provider {server.provider} --model {server.models[0]} "hello"')
    return lines
