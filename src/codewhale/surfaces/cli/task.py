"""`codewhale task`: background work. Queued here, run by the server of this data directory, or here with --wait."""

import argparse
import asyncio
import sys

import msgspec

from codewhale.config.routes import model_route
from codewhale.config.settings import Settings
from codewhale.domain.errors import NotFound
from codewhale.domain.task_record import TaskRecord
from codewhale.domain.tasks import NewTask, TaskFilter
from codewhale.runtime.client import Client
from codewhale.runtime.maintenance import store_exists
from codewhale.runtime.owner import owner_of
from codewhale.runtime.tasks import RuntimeTasks
from codewhale.surfaces.cli.failures import sole
from codewhale.surfaces.cli.opening import opened, with_client
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.prompt import read_prompt
from codewhale.surfaces.cli.task_text import counted, shown, state, table
from codewhale.surfaces.cli.task_wait import Wait, wait_for
from codewhale.surfaces.cli.terminal import Terminal, clean, say, write_lines, write_text
from codewhale.surfaces.cli.transcript import transcript

DEFAULT_LIMIT = 20
_FOR_ADD = ("wait", "auto", "allow_shell", "mode", "prompt_file")
_FOR_LIST = ("all", "limit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["add", "list", "show", "cancel", "logs"],
        help="add: queue work; list: the newest first; show: one in full; cancel: stop one; logs: all that was said in one",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="PROMPT|ID",
        help="for add: what to do (`-` reads it); else: the task's id, or its beginning",
    )
    parser.add_argument("--wait", action="store_true", help="for add: run it now, or watch the server run it")
    parser.add_argument("--auto", action="store_true", help="for add: allow what it wants to do without asking")
    parser.add_argument("--allow-shell", action="store_true", help="for add: it may run commands")
    parser.add_argument("--mode", choices=["agent", "plan", "yolo"], help="for add (default: agent)")
    parser.add_argument("--prompt-file", metavar="FILE", help="for add: read the prompt from a file")
    parser.add_argument("--all", action="store_true", help="for list: other folders' tasks too")
    parser.add_argument("--limit", type=int, metavar="N", help=f"for list: at most so many (default: {DEFAULT_LIMIT})")
    parser.add_argument(
        "--artifact", metavar="PATH", help="for logs: one text that `task show` names, and nothing else"
    )
    parser.add_argument("--json", action="store_true", help="the record (for list: the rows) as JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for."""
    _check(args)
    settings = settings_of(args)
    if args.action == "add":
        return _add(args, settings)
    if args.action == "list":
        return _list(args, settings)
    if not store_exists(settings):
        raise NotFound(f"there are no tasks in {settings.runtime_dir} yet", hint="`codewhale task add` queues one")
    name = args.words[0]
    if args.action == "logs":
        write_text(clean(with_client(settings, "task", lambda client: _logs(client, name, args.artifact))))
        return 0
    if args.action == "cancel":
        record = with_client(settings, "task", lambda client: client.tasks.cancel(name))
        _print(args, record, state(record) + (", asked to stop" if record.status == "running" else "") + "\n")
        return 0
    record = with_client(settings, "task", lambda client: client.tasks.record(name))
    _print(args, record, shown(record))
    return 0


def _add(args: argparse.Namespace, settings: Settings) -> int:
    prompt = read_prompt(args.words, args.prompt_file)
    new = NewTask(
        prompt=prompt,
        model=args.model,
        workspace=settings.workspace,
        mode=args.mode,
        allow_shell=True if args.allow_shell else None,
        auto_approve=True if args.auto else None,
    )
    try:
        return asyncio.run(_added(args, settings, new))
    except BaseExceptionGroup as group:
        raise sole(group) from None


async def _added(args: argparse.Namespace, settings: Settings, new: NewTask) -> int:
    owner = owner_of(settings.runtime_dir)
    if owner is None and args.wait:
        model_route(settings)
    async with opened(settings, "task", owner) as client:
        record = await client.tasks.add(new)
        if not args.wait:
            _print(args, record, record.id + "\n")
            if owner is None:
                _note("queued; it runs when a server does (`codewhale serve --http`)")
            return 0
        _note(f"task {record.id}")
        terminal = Terminal()
        if isinstance(client.tasks, RuntimeTasks):
            client.tasks.start(only=record.id)
        here = owner is None
        deny = None if terminal.asks else "no terminal to ask on; allow with --auto"
        wait = Wait(quiet=args.json, asks=here or terminal.asks, deny=deny)
        record, code = await wait_for(client, record.id, wait, terminal)
    terminal.end_answer()
    if args.json:
        write_lines([msgspec.json.encode(record)])
    else:
        _note(state(record))
    return code


def _list(args: argparse.Namespace, settings: Settings) -> int:
    given = TaskFilter(limit=args.limit or DEFAULT_LIMIT, workspace=None if args.all else settings.workspace)
    if not store_exists(settings):
        print("[]" if args.json else "No tasks.")
        return 0
    found = with_client(settings, "task", lambda client: client.tasks.listed(given))
    if args.json:
        write_lines([msgspec.json.encode(found.tasks)])
    elif found.tasks:
        write_text(clean(table(found.tasks, folders=args.all)))
        _note(f"all folders: {counted(found.counts)}")
    else:
        say("No tasks." if args.all else f"No tasks in {settings.workspace}; --all shows those of other folders.")
    return 0


async def _logs(client: Client, name: str, artifact: str | None) -> str:
    if artifact is not None:
        return (await client.tasks.text(name, artifact)).text
    record = await client.tasks.record(name)
    if record.thread_id is None:
        return shown(record)
    return transcript(await client.snapshot(record.thread_id))


def _print(args: argparse.Namespace, record: TaskRecord, text: str) -> None:
    if args.json:
        write_lines([msgspec.json.encode(record)])
    else:
        write_text(clean(text))


def _note(text: str) -> None:
    sys.stdout.flush()
    print(clean(text), file=sys.stderr)


def _check(args: argparse.Namespace) -> None:
    if args.action == "list" and args.words:
        raise UsageError("`task list` takes no id", hint=f"`codewhale task show {args.words[0]}`?")
    if args.action in ("show", "cancel", "logs") and len(args.words) != 1:
        raise UsageError(f"`task {args.action}` needs the id of one task", hint="`codewhale task list` shows them")
    if args.limit is not None and args.limit < 1:
        raise UsageError("--limit must be at least 1")
    for names, action in ((_FOR_ADD, "add"), (_FOR_LIST, "list"), (("artifact",), "logs")):
        wrong = next((name for name in names if getattr(args, name)), None)
        if wrong is not None and args.action != action:
            raise UsageError(f"--{wrong.replace('_', '-')} is for `task {action}`")
    if args.json and args.action == "logs":
        raise UsageError("--json is not for `task logs`", hint="`codewhale task show ID --json`?")
