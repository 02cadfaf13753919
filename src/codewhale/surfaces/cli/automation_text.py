"""Automations and their ledger as text for people. Pure."""

from collections.abc import Sequence

from codewhale.domain.automations import Automation, Occurrence, Preview

NAME_WIDTH = 40


def table(found: Sequence[Automation]) -> str:
    """One line per automation: id, when it is due next, its name, its rule."""
    lines: list[str] = []
    for one in found:
        name = " ".join(one.name.split())[:NAME_WIDTH]
        lines.append(f"{one.id}  {_next(one):<22}  {name}  [{one.rrule}, {one.timezone}]\n")
    return "".join(lines)


def state(one: Automation) -> str:
    """How an automation stands, in one line."""
    return f"{one.id} {one.name!r}: next {_next(one)}"


def shown(one: Automation) -> str:
    """One automation in full."""
    late = f", {one.max_age_secs} s late at most" if one.max_age_secs else ""
    may = [
        word
        for word, is_so in (
            ("acts without asking", one.auto_approve),
            ("runs commands", one.allow_shell),
            ("works outside its folder", one.trust_mode),
        )
        if is_so
    ]
    lines = [
        state(one),
        f"  rule     {one.rrule} in {one.timezone}",
        f"  missed   {one.misfire}, {one.misfire_cap} runs at most{late}",
        f"  folder   {one.cwds[0] if one.cwds else 'the server’s'}",
        f"  mode     {one.mode}; {', '.join(may) or 'asks before it acts'}",
    ]
    if one.last_run_at is not None:
        lines.append(f"  last run {_time(one.last_run_at)}")
    return "\n".join([*lines, "", *(f"> {line}" for line in one.prompt.split("\n"))]) + "\n"


def runs_table(rows: Sequence[Occurrence]) -> str:
    """One line per row of the ledger: when it was due, what became of it, and where to look further."""
    return "".join(_run(row) for row in rows)


def previewed(found: Preview) -> str:
    """The next runs, by the clock of the rule's zone and in UTC."""
    if not found.runs:
        return f"{found.rrule} is never due again.\n"
    lines = [f"{found.rrule} in {found.timezone}", *(f"  {run.local}  ({run.scheduled_for})" for run in found.runs)]
    return "\n".join(lines) + "\n"


def _run(row: Occurrence) -> str:
    through = f" and every time until {_time(row.through)}" if row.through else ""
    hand = " by hand" if row.trigger == "manual" else ""
    quiet = " (nothing to report)" if row.suppressed else ""
    where = f"  {row.task_id}" if row.task_id else ""
    why = f"  {row.error}" if row.error else ""
    return f"{row.id}  {_time(row.scheduled_for)}{hand}{through}  {row.status}{quiet}{where}{why}\n"


def _next(one: Automation) -> str:
    if one.schedule_error:
        return f"never: {one.schedule_error}"
    if one.status == "paused":
        return "paused"
    return _time(one.next_run_at) if one.next_run_at else "never again"


def _time(text: str) -> str:
    return text[:16].replace("T", " ") + " UTC"
