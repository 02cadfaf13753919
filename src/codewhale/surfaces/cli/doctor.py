"""`codewhale doctor`: is everything in place? For people as lines, for programs as one JSON object.

Asks nobody but this machine, changes nothing, shows no secret. Only settings that cannot be read make it fail.
"""

import argparse
import asyncio
import os
import shutil
import sys
from typing import Literal

import msgspec
from msgspec import Struct

from codewhale import __version__
from codewhale.config.environment import environment
from codewhale.config.route_facts import capability, shown_endpoint, why_unusable
from codewhale.config.search import search_problem
from codewhale.config.settings import Settings
from codewhale.domain.errors import CodewhaleError
from codewhale.runtime.edit_diagnostics import language_programs
from codewhale.runtime.judging import rules_here
from codewhale.runtime.model_listing import local_servers, offer
from codewhale.runtime.outbox.wiring import unsigned
from codewhale.runtime.owner import owner_of
from codewhale.runtime.sandbox import proved
from codewhale.runtime.tool_needs import lacking, tool_count
from codewhale.runtime.undo.refused import undo_refused
from codewhale.runtime.vouching import untrusted_of
from codewhale.surfaces.cli.doctor_report import report
from codewhale.surfaces.cli.doctor_settings import key_rows, settings_rows
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

Grade = Literal["ok", "note", "bad"]
_MARKS: dict[Grade, str] = {"ok": "ok  ", "note": "note", "bad": "BAD "}


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    grade: Grade
    subject: str
    what: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the report; 0 unless the settings cannot be read."""
    settings = settings_of(args, quiet=True)
    if args.json:
        write_lines([msgspec.json.format(msgspec.json.encode(report(settings)), indent=2)])
        return 0
    found = findings(settings)
    width = max(len(f.subject) for f in found) + 2
    write_text("".join(clean(f"{_MARKS[f.grade]}  {f.subject:<{width}}{f.what}") + "\n" for f in found))
    return 0


def findings(settings: Settings) -> list[Finding]:
    """All that was looked at, in reading order."""
    return [
        Finding("ok", "version", f"codewhale {__version__}, Python {'.'.join(map(str, sys.version_info[:3]))}"),
        *(Finding(*row) for row in settings_rows(settings)),
        *_model(settings),
        *_fallbacks(settings),
        *_local_models(settings),
        _directory("workspace", settings.workspace),
        _trust(settings),
        *_permissions(settings),
        *_sinks(settings),
        _directory("data", settings.runtime_dir),
        _owner(settings),
        *_sandbox(),
        _program("git", "needed to see what changed"),
        _undo(settings),
        _program("bash", "needed to run shell commands"),
        _tools(settings),
        _language_servers(settings),
        _network(settings),
        _search(settings),
    ]


def _model(settings: Settings) -> list[Finding]:
    route = settings.route
    facts = capability(settings)
    where = Finding("ok", "model", f"{route.model} by {route.provider} at {shown_endpoint(settings)}")
    window = Finding("ok", "window", f"{facts.context_window:,} tokens")
    return [where, window, *(Finding(*row) for row in key_rows(settings))]


def _fallbacks(settings: Settings) -> list[Finding]:
    """Whether those who would answer instead could."""
    found: list[Finding] = []
    for provider in settings.fallback_providers:
        problem = why_unusable(settings, provider)
        said = "can answer when the one in use cannot" if problem is None else problem.in_full()
        found.append(Finding("ok" if problem is None else "bad", "fallback", f"{provider}: {said}"))
    return found


def _local_models(settings: Settings) -> list[Finding]:
    """Model servers that answer on this machine; nothing when none does."""
    offered = offer(asyncio.run(local_servers(settings)))
    return [Finding("ok", "local models", offered)] if offered is not None else []


def _trust(settings: Settings) -> Finding:
    try:
        untrusted = untrusted_of(settings, settings.workspace)
    except CodewhaleError as error:
        return Finding("bad", "trust", error.in_full())
    if untrusted:
        return Finding("note", "trust", f"not trusted, so never run: {', '.join(untrusted)} (codewhale trust show)")
    return Finding("ok", "trust", "nothing in the workspace waits for your trust")


def _permissions(settings: Settings) -> list[Finding]:
    own, limits = rules_here(settings)
    if own.problem is not None:
        first = Finding("bad", "rules", f"{own.problem}: nothing is allowed by it, and everything is asked")
    elif own.rules:
        count = len(own.rules)
        first = Finding("ok", "rules", f"{count} {'rule' if count == 1 else 'rules'} in {settings.permissions_file}")
    else:
        first = Finding("ok", "rules", f"none; they would stand in {settings.permissions_file}")
    broken = [Finding("bad", "rules", f"{text}: everything is asked in this workspace") for text in limits.broken]
    ignored = [Finding("note", "rules", f"{one.path}: {one.key}: {one.message}") for one in limits.ignored]
    return [first, *broken, *ignored]


def _sinks(settings: Settings) -> list[Finding]:
    """Only what keeps events from being delivered."""
    told = [(sink, unsigned(sink)) for sink in settings.hooks.sinks if settings.hooks.enabled]
    return [Finding("bad", "sinks", f"{sink.kind} {sink.target}: {why}") for sink, why in told if why is not None]


def _undo(settings: Settings) -> Finding:
    why = undo_refused(settings)
    if why is not None:
        return Finding("note", "undo", f"not here: {why}")
    return Finding("ok", "undo", f"files before and after each turn are kept in {settings.snapshots_dir}")


def _directory(subject: str, path: str) -> Finding:
    at = path
    while not os.path.exists(at) and os.path.dirname(at) != at:
        at = os.path.dirname(at)
    if not os.path.isdir(at):
        return Finding("bad", subject, f"{at} is not a directory")
    if not os.access(at, os.W_OK | os.X_OK):
        return Finding("bad", subject, f"{at} is not writable by you")
    return Finding("ok", subject, path if at == path else f"{path} (made when it is needed)")


def _owner(settings: Settings) -> Finding:
    try:
        owner = owner_of(settings.runtime_dir)
    except CodewhaleError as error:
        return Finding("bad", "in use", error.message)
    if owner is None:
        return Finding("ok", "in use", "by nobody")
    where = f", serving at {owner.url}" if owner.url else ""
    return Finding("note", "in use", f"by process {owner.pid} (codewhale {owner.what}{where})")


def _sandbox() -> list[Finding]:
    found = proved()
    if found.tier == "none":
        why = "; ".join(f"{tier}: {reason}" for tier, reason in found.missing.items())
        return [Finding("bad", "sandbox", f"none, so every command is asked about ({why}). Install bubblewrap")]
    where = f" ({found.binary})" if found.binary else ""
    held = sum(1 for worked in found.cells.values() if worked is False)
    told = Finding("ok", "sandbox", f"{found.tier}{where}, proved: it held against {held} attacks just now")
    if found.tier != "landlock":
        return [told]
    why = found.missing.get("bubblewrap", "")
    return [told, Finding("note", "sandbox", f"reduced: cannot protect .git/hooks. Better: bubblewrap ({why})")]


def _program(name: str, why: str) -> Finding:
    found = shutil.which(name, path=environment().get("PATH"))
    return Finding("ok", name, found) if found else Finding("note", name, f"not found; {why}")


def _tools(settings: Settings) -> Finding:
    missing = [
        f"{name} needs {' or '.join(programs)}" for name, programs in lacking(environment(), settings.gh_bin).items()
    ]
    there = f"{tool_count() - len(missing)} of {tool_count()}"
    return Finding(
        "note" if missing else "ok", "tools", f"{there} can be called{': ' if missing else ''}{', '.join(missing)}"
    )


def _network(settings: Settings) -> Finding:
    policy = settings.network
    rules = f"{len(policy.allow)} allowed, {len(policy.deny)} denied" if policy.allow or policy.deny else "no rules"
    others = {"allow": "may be reached", "prompt": "are asked about", "deny": "may not be reached"}[policy.default]
    return Finding("ok", "network", f"{rules}; other public hosts {others}, internal ones never")


def _search(settings: Settings) -> Finding:
    problem = search_problem(settings.search)
    if problem is not None:
        return Finding("bad", "search", problem)
    where = f" at {settings.search.url}" if settings.search.url else ""
    return Finding("ok", "search", f"the web is searched by {settings.search.provider}{where}")


def _language_servers(settings: Settings) -> Finding:
    if not settings.lsp.enabled:
        return Finding("note", "lsp", "switched off: edits are not checked ([lsp] enabled = false)")
    found = language_programs(settings.lsp, environment(), settings.workspace)
    there = [f"{language} by {program}" for language, program in found.items() if program is not None]
    missing = [language for language, program in found.items() if program is None]
    absent = f"; none for {', '.join(missing)}" if missing else ""
    return Finding(
        "ok" if there else "note", "lsp", f"edits are checked: {', '.join(there) or 'in no language'}{absent}"
    )
