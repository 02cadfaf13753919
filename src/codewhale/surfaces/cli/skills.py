"""`codewhale skills`: the skills there are for this folder, switched on and off, installed, and their programs trusted.

Looking runs nothing. Enter alone trusts nothing; what was trusted is trusted as it was.
"""

import argparse
import sys

import msgspec

from codewhale.config.settings import Settings
from codewhale.domain.errors import CodewhaleError, InvalidInput
from codewhale.domain.introspection import SkillList
from codewhale.domain.ports import SystemClock
from codewhale.runtime.skill_install import install, remove
from codewhale.runtime.skills import Seal, listed, named, scripts_of, seal, shown, switch, trust
from codewhale.runtime.surroundings import Surroundings, surroundings_of
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

_ACTIONS = ("list", "show", "enable", "disable", "install", "remove", "trust")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=_ACTIONS,
        help="list: all there are (default); show: what one says; enable, disable: whether the model is told of it; install: "
        "put one from a local folder or archive among yours; remove: take an installed one away; trust: let its programs be run",
    )
    parser.add_argument("name", nargs="?", help="which skill; for install: the folder or archive")
    parser.add_argument("--replace", action="store_true", help="for install: in place of the one that is there")
    parser.add_argument(
        "--yes", metavar="DIGEST", help="for trust, without asking: what `skills show` prints as its digest"
    )
    parser.add_argument("--json", action="store_true", help="for list: JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for."""
    settings = settings_of(args)
    around = surroundings_of(settings)
    _check(args)
    match args.action:
        case "list":
            _list(listed(around, settings.workspace), json=args.json)
        case "show":
            write_text(clean(_shown(around, settings.workspace, args.name)))
        case "enable" | "disable":
            switch(around, settings.workspace, args.name, enabled=args.action == "enable")
            print(clean(f"{args.name} is {'on' if args.action == 'enable' else 'off'}."))
        case "install":
            _install(args, settings)
        case "remove":
            remove(named(around, settings.workspace, args.name).folder, args.name)
            print(clean(f"{args.name} was removed."))
        case _:
            _trust(around, settings.workspace, args.name, args.yes)
    return 0


def _check(args: argparse.Namespace) -> None:
    if (args.name is None) != (args.action == "list"):
        raise UsageError(
            f"`skills {args.action}` takes no name"
            if args.action == "list"
            else f"`skills {args.action}` needs a name",
            hint="`codewhale skills list` names what there is",
        )
    for option, action in (("replace", "install"), ("yes", "trust"), ("json", "list")):
        if getattr(args, option) and args.action != action:
            raise UsageError(f"--{option} is for `skills {action}`")


def _list(found: SkillList, *, json: bool) -> None:
    if json:
        write_lines([msgspec.json.encode(found)])
        return
    lines = [
        f"{'on ' if skill.enabled else 'off'}  {skill.name}{f'  (programs: {skill.scripts})' if skill.scripts else ''}\n"
        f"     {' '.join(skill.description.split()) or '(not described)'}\n     {skill.path}"
        for skill in found.skills
    ]
    lines += [f"note: {warning}" for warning in found.warnings]
    write_text(clean("\n".join(lines or [f"No skills here; yours go to {found.directory}"]) + "\n"))


def _shown(around: Surroundings, workspace: str, name: str) -> str:
    skill = named(around, workspace, name)
    state = scripts_of(around, workspace, skill)
    lines = [f"{skill.name}  ({skill.path})", f"programs: {state}"]
    if state != "none":
        now = seal(around, workspace, skill)
        lines.append(f"digest: {now.digest}" if now.digest else f"cannot be trusted: {now.problem}")
    return "\n".join([*lines, "", shown(skill)]) + "\n"


def _install(args: argparse.Namespace, settings: Settings) -> None:
    done = install(args.name, settings.skills_dir, SystemClock(), replace=args.replace)
    print(clean(f"{done.name} is in {done.folder} now."))
    if done.scripts:
        print(clean(f"It brings programs, which are not trusted yet: `codewhale skills trust {done.name}`."))


def _trust(around: Surroundings, workspace: str, name: str, digest: str | None) -> None:
    skill = named(around, workspace, name)
    state = scripts_of(around, workspace, skill)
    if state != "untrusted":
        print(clean(f"{name} has no programs." if state == "none" else f"{name} is trusted as it is."))
        return
    now = seal(around, workspace, skill)
    if now.digest is None:
        raise InvalidInput(f"{name} cannot be trusted: {now.problem}")
    given = digest or _asked(name, skill.folder, now)
    if not trust(around, workspace, skill, given):
        raise InvalidInput(f"{name} has not the digest {given[:80]}", hint="it has changed? `codewhale skills show`")
    print(clean(f"{name} is trusted as it is now; any change takes it back."))


def _asked(name: str, folder: str, now: Seal) -> str:
    write_text(clean(f"{name} in {folder}\ndigest {now.digest}\n"))
    if sys.stdin.isatty() and sys.stdout.isatty():
        print("Its programs could then be run as the model sees fit. Trust them? Type yes: ", end="", flush=True)
        if sys.stdin.readline().strip().lower() == "yes":
            return now.digest or ""
    raise CodewhaleError("nothing was trusted", hint="type yes to trust; in scripts: --yes DIGEST")
