"""`codewhale auth`: the keys of providers, kept apart from the settings and bound to the address that they are for.

A key comes from standard input or a hidden prompt, never from the command line, and is never printed.
"""

import argparse
import sys

import msgspec

from codewhale.config.settings import Settings
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.runtime.credentials import KeyStanding, clear_key, key_standing, key_standings, save_key
from codewhale.surfaces.cli.parser import UsageError, overrides_of, settings_of
from codewhale.surfaces.cli.terminal import clean, say, write_lines, write_text

FAILED = 1
LONGEST_LINE = 16_384


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["set", "get", "clear", "list", "status"],
        help="set: keep a key, read from a hidden prompt or standard input; get: where the key comes from, and its end; "
        "clear: forget the kept key; list: all providers with a key; status: the one in use",
    )
    parser.add_argument("words", nargs="*", metavar="PROVIDER", help="whose key (default: the provider in use)")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; 1 when there is no key."""
    if len(args.words) > 1:
        # The word may be a key: it is not shown again.
        raise UsageError(
            f"`codewhale auth {args.action}` takes a provider and nothing else; a key on the command line would stay in your "
            "shell's history, so it is only read from a prompt or standard input",
            hint=f"codewhale auth {args.action} PROVIDER",
        )
    settings = settings_of(args)
    provider: str = args.words[0] if args.words else args.provider or settings.route.provider
    if args.action == "list":
        return _list(settings, as_json=args.json)
    if args.action == "set":
        return _set(args, settings, provider)
    if args.action == "clear":
        return _clear(settings, provider)
    standing = key_standing(settings, provider)
    if args.json:
        write_lines([msgspec.json.encode(standing)])
    else:
        write_text(clean("\n".join(_get(standing) if args.action == "get" else _status(standing)) + "\n"))
    return FAILED if standing.source == "missing" and standing.needed else 0


def _set(args: argparse.Namespace, settings: Settings, provider: str) -> int:
    key_standing(settings, provider)  # no such provider: before anybody types a key
    stored = save_key(settings, overrides_of(args), provider, _read_key(provider))
    standing = key_standing(settings_of(args, quiet=True), provider)
    say(f"The key of {provider} is kept in {_place(standing)}, for {stored.endpoint} alone.", aside=True)
    if standing.source != "keyring":
        where = f"{standing.source}: {standing.place}" if standing.place else standing.endpoint
        say(f"note: it is not the one in use here ({where})", aside=True)
    return 0


def _read_key(provider: str) -> str:
    if sys.stdin.isatty():
        from getpass import getpass  # noqa: PLC0415 - only where somebody types

        try:
            return getpass(f"Key of {provider} (it is not shown): ").strip()
        except EOFError:
            raise InvalidInput("no key was given; nothing was changed") from None
    line = sys.stdin.readline(LONGEST_LINE).strip()
    if sys.stdin.readline(2).strip():
        raise InvalidInput("more than one line was given; nothing was changed", hint="give the key alone")
    return line


def _clear(settings: Settings, provider: str) -> int:
    if not clear_key(settings, provider):
        raise NotFound(f"no key is kept for {provider}", hint="`codewhale auth list` shows where keys come from")
    say(f"The kept key of {provider} is forgotten.", aside=True)
    return 0


def _get(standing: KeyStanding) -> list[str]:
    if standing.source == "missing":
        return [f"{standing.provider}: no key{'' if standing.needed else ', and none is needed'}"]
    return [f"{standing.provider}: {standing.key} from {_where(standing)}"]


def _status(standing: KeyStanding) -> list[str]:
    lines = [
        f"provider  {standing.provider}",
        f"address   {standing.endpoint}",
        f"key       {standing.key or ('none' if standing.needed else 'none, and none is needed')}",
        f"from      {_where(standing)}",
        f"kept in   {_place(standing)}",
    ]
    if standing.kept_for is not None and standing.source != "keyring":
        lines.append(f"not used  a key is kept for {standing.kept_for}")
    if standing.source == "missing" and standing.needed:
        lines.append(f"hint      codewhale auth set {standing.provider}")
    return lines


def _list(settings: Settings, *, as_json: bool) -> int:
    found = key_standings(settings)
    if as_json:
        write_lines([msgspec.json.encode(found)])
        return 0
    width = max((len(one.provider) for one in found), default=0)
    write_text(clean("".join(f"{one.provider:<{width}}  {_line(one)}\n" for one in found)))
    return 0


def _line(standing: KeyStanding) -> str:
    unused = standing.kept_for is not None and standing.source != "keyring"
    kept = f"; one is kept for {standing.kept_for} and not used" if unused else ""
    if standing.source == "missing":
        return f"no key{'' if standing.needed else ', and none is needed'}{kept}"
    return f"{standing.key} from {_where(standing)}{kept}"


def _where(standing: KeyStanding) -> str:
    """`keyring` is what the contract calls kept keys, wherever they are."""
    source = {"env": "the environment", "config": "the settings", "keyring": "kept keys", "missing": "nowhere"}
    return source[standing.source] + (f" ({standing.place})" if standing.place else "")


def _place(standing: KeyStanding) -> str:
    return "the system's keyring" if standing.backend == "system" else "a file that only you can read"
