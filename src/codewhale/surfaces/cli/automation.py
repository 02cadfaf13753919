"""`codewhale automation`: schedules that queue tasks. Their records are kept here or by the server of this data directory;
what is due runs while `codewhale serve` runs."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from codewhale.config.settings import Settings
from codewhale.domain.automations import (
    Automation,
    AutomationPatch,
    NewAutomation,
    Occurrence,
    Preview,
    RulePreview,
)
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.runtime.client import Client
from codewhale.runtime.client_automations import AutomationClient
from codewhale.runtime.maintenance import store_exists
from codewhale.runtime.owner import owner_of
from codewhale.surfaces.cli.automation_text import previewed, runs_table, shown, state, table
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.prompt import read_prompt
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

T = TypeVar("T")

ACTIONS = ("list", "show", "add", "edit", "pause", "resume", "run", "delete", "runs", "preview")
DEFAULT_RUNS = 20
LIST_HINT = "`codewhale automation list` shows them"
_RULES = ("rrule", "cron", "at")
_FIELDS = (
    "name",
    "timezone",
    "mode",
    "allow_shell",
    "auto_approve",
    "trust_mode",
    "delivery_mode",
    "misfire",
    "misfire_cap",
    "max_age_secs",
)
_FOR = {
    "prompt_file": ("add", "edit"),
    "cwd": ("add", "edit"),
    "paused": ("add",),
    "timezone": ("add", "edit", "preview"),
    **dict.fromkeys(_RULES, ("add", "edit", "preview")),
    **dict.fromkeys((name for name in _FIELDS if name != "timezone"), ("add", "edit")),
    "count": ("preview",),
    "limit": ("runs",),
}
"""Which actions an option is for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="add, edit, delete: make, change, end one; run: once now; runs: what became of each due time; "
        "preview: when one, or a rule that you are thinking of, is due next",
    )
    parser.add_argument(
        "words", nargs="*", metavar="PROMPT|ID", help="for add: what to do each time (`-` reads it); else: the id"
    )
    rule = parser.add_argument_group("when")
    rule.add_argument(
        "--rrule", metavar="RULE", help='"FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=0", "FREQ=HOURLY;INTERVAL=4"'
    )
    rule.add_argument("--cron", metavar="FIELDS", help='five fields: "0 9 * * 1-5"')
    rule.add_argument("--at", metavar="TIME", help="once: 2026-01-31T09:00:00Z")
    rule.add_argument("--timezone", metavar="ZONE", help="Europe/Berlin, UTC, ... (default: this machine's)")
    rule.add_argument(
        "--misfire", choices=["skip", "once", "all"], help="what to do about missed times (default: once)"
    )
    rule.add_argument(
        "--misfire-cap", type=int, metavar="N", help="at most so many runs that have not ended (default: 10)"
    )
    rule.add_argument("--max-age-secs", type=int, metavar="S", help="never run what is later than this (0: no limit)")
    rule.add_argument("--paused", action="store_true", help="for add: do not follow the schedule yet")
    work = parser.add_argument_group("what")
    work.add_argument("--name", help="what to call it (default: the beginning of the prompt)")
    work.add_argument("--prompt-file", metavar="FILE", help="read the prompt from a file")
    work.add_argument("--cwd", action="append", metavar="DIR", help="folder to work in (default: this one)")
    work.add_argument("--mode", choices=["agent", "plan", "yolo"], help="default: agent")
    for name, text in (
        ("--auto-approve", "allow what it wants to do without asking"),
        ("--allow-shell", "it may run commands"),
        ("--trust-mode", "it may work outside its folder"),
    ):
        work.add_argument(name, action=argparse.BooleanOptionalAction, help=f"{text} (default: no)")
    work.add_argument(
        "--delivery-mode",
        choices=["task", "watcher"],
        help="watcher: a run that answers NOTHING_TO_REPORT is marked as not worth showing",
    )
    parser.add_argument("-n", "--count", type=int, metavar="N", help="for preview: how many times (default: 5)")
    parser.add_argument("--limit", type=int, metavar="N", help=f"for runs: at most so many (default: {DEFAULT_RUNS})")
    parser.add_argument("--json", action="store_true", help="records as JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for."""
    _check(args)
    settings = settings_of(args)
    if args.action == "preview" and not args.words:
        return _preview_rule(args, settings)
    if args.action == "add":
        return _add(args, settings)
    if not store_exists(settings):
        return _none(args, settings)
    _ACTIONS[args.action](args, settings)
    return 0


def _none(args: argparse.Namespace, settings: Settings) -> int:
    if args.action != "list":
        raise NotFound(f"there are no automations in {settings.runtime_dir} yet", hint="`codewhale automation add`?")
    print("[]" if args.json else "No automations.")
    return 0


def _list(args: argparse.Namespace, settings: Settings) -> None:
    found = with_client(settings, "automation", lambda client: client.automations.listed())
    if args.json:
        write_lines([msgspec.json.encode(found)])
    elif found:
        write_text(clean(table(found)))
        _remind(settings)
    else:
        print("No automations.")


def _add(args: argparse.Namespace, settings: Settings) -> int:
    rule = _rule(args)
    if rule is None:
        raise UsageError(
            "say when: --rrule, --cron or --at", hint='codewhale automation add --cron "0 9 * * 1-5" "..."'
        )
    prompt = read_prompt(args.words, args.prompt_file)
    given: dict[str, Any] = {**_given(args), "cwds": tuple(args.cwd or (settings.workspace,))}
    given.setdefault("name", " ".join(prompt.split())[:60])
    new = NewAutomation(prompt=prompt, rrule=rule, status="paused" if args.paused else "active", **given)
    made = with_client(settings, "automation", lambda client: client.automations.create(new))
    _print(args, made, f"{made.id}\n")
    if not args.json:
        _note(state(made))
    _remind(settings)
    return 0


def _edit(args: argparse.Namespace, settings: Settings) -> None:
    prompt = read_prompt([], args.prompt_file) if args.prompt_file else " ".join(args.words[1:]) or None
    given: dict[str, Any] = {
        **_given(args),
        "prompt": prompt,
        "rrule": _rule(args),
        "cwds": tuple(args.cwd) if args.cwd else None,
    }
    if all(value is None for value in given.values()):
        raise UsageError("nothing to change", hint="`codewhale automation edit --help` lists what can be")
    patch = AutomationPatch(**given)
    _one(args, settings, lambda automations, name: automations.update(name, patch))


def _show(args: argparse.Namespace, settings: Settings) -> None:
    found = _chosen(args, settings, lambda automations, name: automations.get(name))
    _print(args, found, shown(found))


def _pause(args: argparse.Namespace, settings: Settings) -> None:
    _one(args, settings, lambda automations, name: automations.pause(name))


def _resume(args: argparse.Namespace, settings: Settings) -> None:
    _one(args, settings, lambda automations, name: automations.resume(name))


def _delete(args: argparse.Namespace, settings: Settings) -> None:
    found = _chosen(args, settings, lambda automations, name: automations.delete(name))
    _print(args, found, f"Deleted {found.name!r}; `codewhale automation runs {found.id}` still shows its runs.\n")


def _run_now(args: argparse.Namespace, settings: Settings) -> None:
    queued = _chosen(args, settings, lambda automations, name: automations.run_now(name))
    _print(
        args, queued, f"{queued.id} {queued.status}, task {queued.task_id}\n" if queued.task_id else f"{queued.error}\n"
    )
    _remind(settings)


def _runs(args: argparse.Namespace, settings: Settings) -> None:
    limit = args.limit or DEFAULT_RUNS
    rows = _chosen(args, settings, lambda automations, name: automations.runs(name, limit), deleted=True)
    if args.json:
        write_lines([msgspec.json.encode(rows)])
    else:
        write_text(clean(runs_table(rows)) if rows else "No runs.\n")


def _preview(args: argparse.Namespace, settings: Settings) -> None:
    if _rule(args) is not None or args.timezone:
        raise UsageError("either the id of an automation or a rule", hint="`automation preview --cron ...` takes no id")
    found = _chosen(args, settings, lambda automations, name: automations.preview(name, args.count))
    _print(args, found, previewed(found))


def _preview_rule(args: argparse.Namespace, settings: Settings) -> int:
    rule = _rule(args)
    if rule is None:
        raise UsageError("which one: an id, or --rrule, --cron or --at", hint=LIST_HINT)
    asked = RulePreview(rrule=rule, timezone=args.timezone, n=args.count)
    found = with_client(settings, "automation", lambda client: client.automations.preview_rule(asked))
    _print(args, found, previewed(found))
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace, Settings], None]] = {
    "list": _list,
    "show": _show,
    "edit": _edit,
    "pause": _pause,
    "resume": _resume,
    "run": _run_now,
    "delete": _delete,
    "runs": _runs,
    "preview": _preview,
}


def _one(
    args: argparse.Namespace, settings: Settings, do: Callable[[AutomationClient, str], Awaitable[Automation]]
) -> None:
    found = _chosen(args, settings, do)
    _print(args, found, state(found) + "\n")


def _chosen(
    args: argparse.Namespace,
    settings: Settings,
    do: Callable[[AutomationClient, str], Awaitable[T]],
    *,
    deleted: bool = False,
) -> T:
    """What `do` makes of the automation whose id begins with the word given; with `deleted` a whole id always does."""

    async def use(client: Client) -> T:
        return await do(client.automations, await _resolve(client, args.words[0], deleted=deleted))

    return with_client(settings, "automation", use)


async def _resolve(client: Client, prefix: str, *, deleted: bool) -> str:
    ids = [found.id for found in await client.automations.listed() if found.id.startswith(prefix)]
    if prefix in ids or (deleted and not ids):
        return prefix
    if not ids:
        raise NotFound(f"no automation has an id that begins with {prefix[:80]!r}", hint=LIST_HINT)
    if len(ids) > 1:
        raise InvalidInput(f"{len(ids)} automations have an id that begins with {prefix!r}: {', '.join(ids[:5])}")
    return ids[0]


def _rule(args: argparse.Namespace) -> str | None:
    if args.cron:
        return f"FREQ=CRON;EXPR={args.cron}"
    return f"FREQ=ONCE;AT={args.at}" if args.at else args.rrule


def _given(args: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name in _FIELDS if (value := getattr(args, name)) is not None}


def _print(args: argparse.Namespace, record: Automation | Occurrence | Preview, text: str) -> None:
    if args.json:
        write_lines([msgspec.json.encode(record)])
    else:
        write_text(clean(text))


def _remind(settings: Settings) -> None:
    if owner_of(settings.runtime_dir) is None:
        _note("note: schedules run while `codewhale serve --http` runs; now it does not")


def _note(text: str) -> None:
    sys.stdout.flush()
    print(clean(text), file=sys.stderr)


def _check(args: argparse.Namespace) -> None:
    takes_id = args.action not in ("list", "add")
    if args.action == "list" and args.words:
        raise UsageError("`automation list` takes no id", hint=f"`codewhale automation show {args.words[0]}`?")
    if takes_id and not args.words and args.action != "preview":
        raise UsageError(f"`automation {args.action}` needs the id of an automation", hint=LIST_HINT)
    if takes_id and args.action != "edit" and len(args.words) > 1:
        raise UsageError(f"`automation {args.action}` takes one id")
    for name, actions in _FOR.items():
        value = getattr(args, name)
        if value is not None and value is not False and args.action not in actions:
            raise UsageError(f"--{name.replace('_', '-')} is for `automation {'`, `'.join(actions)}`")
    if sum(getattr(args, name) is not None for name in _RULES) > 1:
        raise UsageError("--rrule, --cron and --at exclude each other")
    if args.limit is not None and args.limit < 1:
        raise UsageError("--limit must be at least 1")
