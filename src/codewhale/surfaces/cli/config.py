"""`codewhale config`: what is set, which layer said so, and changes to the person's own file. No secret is ever printed."""

import argparse
import os
import sys

import msgspec

from codewhale.config.catalogue import SECRET_KEYS
from codewhale.config.dotenv import all_variables, dotenv_path
from codewhale.config.editing import change, key_path, with_value, without
from codewhale.config.environment import given
from codewhale.config.explain import Explained, Explainer, Word, kind_of, known_pattern
from codewhale.config.sources import SYSTEM, Overrides, config_path, files_of
from codewhale.config.values import parsed, written
from codewhale.domain.errors import CodewhaleError, InvalidInput, NotFound
from codewhale.surfaces.cli.config_change import checked
from codewhale.surfaces.cli.parser import UsageError, overrides_of
from codewhale.surfaces.cli.terminal import clean, say, write_lines, write_text

FAILED = 1
_TAKES = {"get": (1, 1), "set": (2, 2), "unset": (1, 1), "list": (0, 1), "path": (0, 0), "explain": (1, 1)}
_USAGE = {
    "get": "get KEY",
    "set": "set KEY VALUE",
    "unset": "unset KEY",
    "list": "list [BEGINNING]",
    "path": "path",
    "explain": "explain KEY",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=[*_TAKES],
        help="get: print what holds; set, unset: change your file; list: all settings and who said so; path: the files; "
        "explain: what every layer says, and which one holds",
    )
    parser.add_argument("words", nargs="*", metavar="WORDS", help="; ".join(_USAGE.values()))
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; 1 when there is no such value."""
    low, high = _TAKES[args.action]
    if not low <= len(args.words) <= high:
        raise UsageError(f"`codewhale config` takes: {_USAGE[args.action]}", hint="codewhale config --help")
    over = overrides_of(args)
    if args.action == "path":
        return _paths(over, as_json=args.json)
    if args.action in ("set", "unset"):
        return _change(args, over)
    explainer = Explainer(over)
    if args.action == "list":
        return _list(explainer, args.words[0] if args.words else "", as_json=args.json)
    found = explainer.explain(key_path(args.words[0]))
    if args.action == "get":
        return _get(found, as_json=args.json)
    if args.json:
        write_lines([msgspec.json.encode(found)])
    else:
        write_text(clean("\n".join(explained(found)) + "\n"))
    return 0


def _get(found: Explained, *, as_json: bool) -> int:
    if as_json:
        write_lines([msgspec.json.encode(found.value)])
    elif found.value is None:
        say(f"{found.key} is not set{f' ({found.place})' if found.place else ''}", aside=True)
    else:
        write_text(clean(found.value if isinstance(found.value, str) else written(found.value)) + "\n")
    return FAILED if found.value is None else 0


def _list(explainer: Explainer, beginning: str, *, as_json: bool) -> int:
    found = [explainer.explain(path) for path in explainer.paths() if ".".join(path).startswith(beginning)]
    if as_json:
        rows = [{"key": one.key, "value": one.value, "source": one.source, "place": one.place} for one in found]
        write_lines([msgspec.json.encode(rows)])
        return 0
    rows = [(f"{one.key} = {written(one.value)}" if one.value is not None else f"# {one.key}", one) for one in found]
    width = min(56, max((len(row) for row, _ in rows), default=0))
    write_text(clean("".join(f"{row:<{width}}  # {_origin(one)}\n" for row, one in rows)))
    return 0 if found else FAILED


def _origin(one: Explained) -> str:
    if one.source != "default":
        return f"{one.source}: {one.place}"
    if one.value is None:
        return f"not set: {one.place}" if one.place else "not set"
    return "default"


def explained(found: Explained) -> list[str]:
    """The explanation for people: what holds, then each layer's word from the lowest to the highest."""
    holds = written(found.value) if found.value is not None else f"not set{f': {found.place}' if found.place else ''}"
    lines = [f"{found.key} = {holds}" if found.value is not None else f"{found.key} is {holds}", f"  {found.means}", ""]
    said = [word for word in found.words if word.value is not None or word.state == "ignored"]
    width = max((len(word.source) for word in said), default=0)
    lines += [_word(word, width) for word in said]
    return lines


def _word(word: Word, width: int) -> str:
    mark = {"holds": "->", "hidden": "  ", "ignored": " x", "met": " ="}[word.state]
    value = written(word.value) if word.value is not None else ""
    why = {"hidden": "hidden by what stands below", "ignored": f"ignored: {word.why}", "holds": "", "met": ""}[
        word.state
    ]
    allows = "allows " if word.source == "requirements" else ""
    facts = ", ".join(part for part in (word.place, why) if part)
    return f"{mark} {word.source:<{width}}  {allows}{value}{f'   ({facts})' if facts else ''}".rstrip()


def _paths(over: Overrides, *, as_json: bool) -> int:
    env = all_variables()
    path = config_path(over, env)
    if not as_json:
        say(path)
        return 0
    files = files_of(over, env, None, SYSTEM)
    own = dotenv_path(env)
    rows = {
        "config": {"path": path, "present": files.person is not None},
        "variables": {"path": own, "present": os.path.isfile(own)},
        "managed": [place for place, _ in files.managed],
        "requirements": [place for place, _ in files.requirements],
    }
    write_lines([msgspec.json.encode(rows)])
    return 0


def _change(args: argparse.Namespace, over: Overrides) -> int:
    env = all_variables()
    file = config_path(over, env)
    given_path = key_path(args.words[0])
    profile, path = over.profile or given(env, "DEEPSEEK_PROFILE"), given_path
    if given_path[0] == "profiles" and len(given_path) > 2:
        profile, path = given_path[1], given_path[2:]
    pattern = known_pattern(path)
    place = ("profiles", profile, *path) if profile is not None else path
    name = ".".join(place)
    if args.action == "unset":
        if not change(file, lambda text: without(text, place)):
            raise NotFound(f"{name} is not set in {file}", hint=f"codewhale config explain {args.words[0]}")
        say(f"{name} is no longer set in {file}.", aside=True)
        return 0
    if pattern in SECRET_KEYS:
        raise _no_secret(pattern, path)
    value = parsed(args.words[1], kind_of(pattern), args.words[0])
    check = checked(env, file, place)
    changed = change(file, lambda text: check(text, with_value(text, place, value)))
    say(f"{name} is {written(value)} in {file}{'' if changed else ' already'}.", aside=True)
    _tell_hidden(over, path, profile)
    return 0


def _no_secret(pattern: str, path: tuple[str, ...]) -> InvalidInput:
    if pattern == "search.api_key":
        return InvalidInput(
            "a key is not written into the settings, where it could be read and copied",
            hint="put BRAVE_API_KEY, TAVILY_API_KEY or BOCHA_API_KEY into the environment or ~/.deepseek/.env",
        )
    if pattern == "vision_model.api_key":
        return InvalidInput(
            "a key is not written into the settings, where it could be read and copied",
            hint="codewhale config set vision_model.api_key_env NAME, and put the key into that variable",
        )
    provider = path[1] if len(path) > 1 else "deepseek"
    return InvalidInput(
        "a key is not written into the settings, where it could be read and copied",
        hint=f"codewhale auth set {provider}",
    )


def _tell_hidden(over: Overrides, path: tuple[str, ...], profile: str | None) -> None:
    """Say so when what was just set does not hold here."""
    try:
        found = Explainer(over).explain(path)
    except CodewhaleError as error:
        print(clean(f"note: it cannot be used yet: {error.message}"), file=sys.stderr)
        return
    wanted = "profile" if profile is not None else "file"
    if found.source not in (wanted, "default"):
        say(f"note: here {found.source} says otherwise: {found.place}", aside=True)
