"""`codewhale model resolve`: where a model call would go, and for each part of that who said so. Never the key."""

import argparse

import msgspec

from codewhale.config.explain import Explainer
from codewhale.runtime.route_report import resolved
from codewhale.surfaces.cli.parser import overrides_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["resolve"], help="print where a call to the model would go, and why")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the model (default: the one in use)")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print the route. `ConfigError` when there is none."""
    explainer = Explainer(overrides_of(args))
    parts = resolved(explainer, args.name)
    if args.json:
        write_lines([msgspec.json.encode(parts)])
        return 0
    names, values = (
        max(len(text) for text in texts) for texts in zip(*((p.name, p.value) for p in parts), strict=True)
    )
    write_text(clean("".join(f"{p.name:<{names}}  {p.value:<{values}}  {p.why}\n" for p in parts)))
    return 0
