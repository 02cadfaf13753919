"""A thread as text for people: rows of a list, a transcript, Markdown; and as an object for programs. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from codewhale import __version__
from codewhale.domain.records import Item, Turn
from codewhale.domain.views import ThreadSnapshot, ThreadSummary
from codewhale.surfaces.cli.present import about

EXPORT_SCHEMA = "codewhale.thread-export"
EXPORT_VERSION = 1
OUTPUT_LINES = 12
TITLE_WIDTH = 60


def table(rows: Sequence[ThreadSummary], *, folders: bool) -> str:
    """One line per thread: id, last change, how its last turn ended, title."""
    lines: list[str] = []
    for row in rows:
        when = row.updated_at[:16].replace("T", " ")
        title = " ".join(row.title.split())[:TITLE_WIDTH]
        state = (row.latest_turn_status or "empty") + (", archived" if row.archived else "")
        where = f"  {' '.join(row.workspace.splitlines())}" if folders else ""
        lines.append(f"{row.id}  {when}  {state:<12}  {title}{where}\n")
    return "".join(lines)


def transcript(snapshot: ThreadSnapshot) -> str:
    """The thread as it was seen: who said what, which tools ran, how each turn ended."""
    thread = snapshot.thread
    lines = [
        f"{thread.id}  {thread.title or ''}".rstrip(),
        f"{thread.workspace} · {thread.model} · {thread.created_at}",
    ]
    for turn, items in _turns(snapshot):
        lines.append("")
        for item in items:
            lines += _shown(item)
        if turn.status != "completed":
            lines.append(f"[{turn.status}: {turn.error or 'no reason was given'}]")
    return "\n".join(lines) + "\n"


def _shown(item: Item) -> list[str]:
    text = item.detail or item.summary
    if item.kind == "user_message":
        return [f"> {line}" for line in text.split("\n")] + [""]
    if item.kind == "agent_message":
        return [text, ""]
    if item.kind == "agent_reasoning":
        return []
    if item.call is not None:
        return [f"→ {item.call.name}  {_subject(item)}".rstrip(), *_output(item)]
    if item.kind == "context_compaction":
        text = item.summary
    return [f"· {item.kind}: {' '.join(text.split())}"]


def _subject(item: Item) -> str:
    assert item.call is not None
    try:
        return about(msgspec.json.decode(item.call.arguments))
    except msgspec.DecodeError:
        return about(item.call.arguments)


def _output(item: Item) -> list[str]:
    lines = (item.detail or "").rstrip("\n").split("\n")
    shown = ["    " + line for line in lines[:OUTPUT_LINES]]
    if len(lines) > OUTPUT_LINES:
        shown.append(f"    … {len(lines) - OUTPUT_LINES} more lines")
    if item.status != "completed":
        shown.append(f"    [{item.status}]")
    return shown


def markdown(snapshot: ThreadSnapshot) -> str:
    """The thread as a Markdown document."""
    thread = snapshot.thread
    out = [f"# {thread.title or thread.id}", "", f"`{thread.id}` · {thread.model} · {thread.created_at}", ""]
    for turn, items in _turns(snapshot):
        for item in items:
            out += _section(item)
        if turn.status != "completed":
            out += [f"*{turn.status}: {turn.error or 'no reason was given'}*", ""]
    return "\n".join(out)


def _section(item: Item) -> list[str]:
    text = item.detail or item.summary
    if item.kind == "user_message":
        return ["## You", "", text, ""]
    if item.kind == "agent_message":
        return ["## Agent", "", text, ""]
    if item.call is not None:
        return [f"### `{item.call.name}` ({item.status})", "", *_fenced(item.call.arguments), "", *_fenced(text), ""]
    return [] if item.kind == "agent_reasoning" else [f"*{item.kind}: {' '.join(text.split())}*", ""]


def _fenced(text: str) -> list[str]:
    longest = max((len(run) for run in _backtick_runs(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, text.rstrip("\n"), fence]


def _backtick_runs(text: str) -> Iterator[str]:
    return (run for run in "".join(c if c == "`" else " " for c in text).split())


def export_object(snapshot: ThreadSnapshot) -> dict[str, object]:
    """The whole thread for programs: the records of the API, with a version."""
    return {
        "schema": EXPORT_SCHEMA,
        "schema_version": EXPORT_VERSION,
        "codewhale_version": __version__,
        "thread": snapshot.thread,
        "turns": snapshot.turns,
        "items": snapshot.items,
        "latest_seq": snapshot.latest_seq,
    }


def _turns(snapshot: ThreadSnapshot) -> Iterator[tuple[Turn, list[Item]]]:
    items = {item.id: item for item in snapshot.items}
    for turn in snapshot.turns:
        yield turn, [items[i] for i in turn.item_ids if i in items]
