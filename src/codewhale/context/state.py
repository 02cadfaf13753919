"""The state of the work, as a pure projection of a thread's log: what must outlive a compaction word for word.

Nothing here is guessed or summarised: the person's own messages, and what tools left in the metadata of their calls. Messages
that a part of the runtime wrote are never the person's words. `rendered` and `parsed` are inverse: what a model is given is
checked against what was projected.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.processes import Process
from codewhale.domain.records import Item
from codewhale.domain.requests import Request

MOST_FILES = 60
MOST_TOOLS = 40
COMMAND_SHOWN = 200
T = TypeVar("T")
_TAG = "work_state"
_BLOCK = re.compile(rf"^<{_TAG}>\n(.*?)\n</{_TAG}>$", re.DOTALL | re.MULTILINE)


class PlanStep(Struct, frozen=True, kw_only=True):
    """A step of the plan that the model stated."""

    step: str
    status: str = "pending"


class _Summary(Struct, frozen=True, kw_only=True):
    path: str
    action: str


class Entry(Struct, frozen=True, kw_only=True):
    """A line of the checklist."""

    id: int
    content: str
    status: str


class TouchedFile(Struct, frozen=True, kw_only=True):
    """A file and what was done to it last."""

    path: str
    did: str


class Running(Struct, frozen=True, kw_only=True):
    """A background process that has not ended."""

    id: str
    command: str


class OpenRequest(Struct, frozen=True, kw_only=True):
    """Something that waits for an answer."""

    id: str
    kind: str
    about: str


class WorkState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state. `omitted` counts entries that had no room, by the name of their list."""

    plan: tuple[PlanStep, ...] = ()
    why: str = ""
    checklist: tuple[Entry, ...] = ()
    files: tuple[TouchedFile, ...] = ()
    processes: tuple[Running, ...] = ()
    requests: tuple[OpenRequest, ...] = ()
    tools: tuple[str, ...] = ()
    task: str = ""
    omitted: dict[str, int] = {}


class Around(Struct, frozen=True, kw_only=True):
    """What the log's read models say beside the items: processes, open requests, the tools that were found, and the task that
    the thread works for."""

    processes: Sequence[Process] = ()
    requests: Sequence[Request] = ()
    tools: tuple[str, ...] = ()
    task: str = ""


class Words(Struct, frozen=True, kw_only=True):
    """The person's own messages, word for word: the first one, and the latest, oldest first. A text that has no room of its
    own is cut and says so."""

    goal: str = ""
    latest: tuple[str, ...] = ()


def state_of(items: Iterable[Item], around: Around, room: int) -> WorkState:
    """The state, in at most about `room` characters: done entries of the checklist go first, then the oldest files."""
    plan: tuple[PlanStep, ...] = ()
    why = ""
    checklist: tuple[Entry, ...] = ()
    files: dict[str, str] = {}
    for item in items:
        if item.call is None or item.status != "completed" or item.metadata is None:
            continue
        if item.call.name == "update_plan" and "plan" in item.metadata:
            plan = _as(item.metadata["plan"], tuple[PlanStep, ...], plan)
            why = str(item.metadata.get("explanation") or "")
        elif item.call.name.startswith("checklist_"):
            checklist = _checklist(item.metadata, checklist)
        for path, did in _touched(item):
            files.pop(path, None)
            files[path] = did
    running = [one for one in around.processes if one.status == "running"]
    whole = WorkState(
        plan=plan,
        why=why,
        checklist=checklist,
        files=tuple(TouchedFile(path=path, did=did) for path, did in files.items()),
        processes=tuple(Running(id=one.id, command=_line(one.command)) for one in running),
        requests=tuple(OpenRequest(id=one.id, kind=one.kind, about=_line(one.description)) for one in around.requests),
        tools=around.tools,
        task=around.task,
    )
    return _fitted(whole, room)


def words_of(items: Iterable[Item], room: int) -> Words:
    """What the person said, in at most about `room` characters: three quarters at most for the latest messages, the rest for
    the first one."""
    said = [
        item.detail
        for item in items
        if item.kind == "user_message" and item.detail and not (item.metadata or {}).get("source")
    ]
    if not said:
        return Words()
    left = room * 3 // 4
    latest: list[str] = []
    for text in reversed(said[1:]):
        if len(text) > left:
            if not latest:
                latest.append(_cut(text, left))
            break
        left -= len(text)
        latest.append(text)
    goal = _cut(said[0], max(room - sum(map(len, latest)), 0))
    return Words(goal=goal, latest=tuple(reversed(latest)))


def rendered(state: WorkState) -> str:
    """The state as a model reads it; empty when there is none."""
    if state == WorkState():
        return ""
    text = msgspec.json.format(msgspec.json.encode(state), indent=1).decode()
    return f"<{_TAG}>\n{text.replace('<', chr(92) + 'u003c')}\n</{_TAG}>"


def parsed(text: str) -> WorkState:
    """The state in a text that `rendered` is part of. `msgspec.DecodeError` when it is damaged."""
    found = _BLOCK.search(text)
    return msgspec.json.decode(found[1], type=WorkState) if found is not None else WorkState()


def _checklist(metadata: dict[str, object], before: tuple[Entry, ...]) -> tuple[Entry, ...]:
    updates = metadata.get("task_updates")
    found = cast("dict[str, object]", updates).get("checklist") if isinstance(updates, dict) else None
    if not isinstance(found, dict):
        return before
    return _as(cast("dict[str, object]", found).get("items", []), tuple[Entry, ...], before)


def _as(value: object, kind: type[T], known: T) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:  # an imported log may have other shapes under the same names
        return known


def _touched(item: Item) -> list[tuple[str, str]]:
    metadata = item.metadata or {}
    assert item.call is not None
    if metadata.get("file_summaries"):
        summaries = _as(metadata["file_summaries"], tuple[_Summary, ...], ())
        return [(one.path, one.action) for one in summaries]
    paths = metadata.get("touched_files")
    if item.kind != "file_change" or not isinstance(paths, list):
        return []
    did = "created" if metadata.get("created") else "changed"
    return [(str(path), did) for path in cast("list[object]", paths)]


def _fitted(state: WorkState, room: int) -> WorkState:
    files, tools = state.files[-MOST_FILES:], state.tools[-MOST_TOOLS:]
    todo = state.checklist
    shown = _counted(state, todo, files, tools)
    while len(rendered(shown)) > room:
        done = next((one for one in todo if one.status == "completed"), None)
        if done is not None:
            todo = tuple(one for one in todo if one is not done)
        elif files:
            files = files[(len(files) + 3) // 4 :]
        elif tools:
            tools = ()
        else:
            break  # the plan and what is still to do are never cut
        shown = _counted(state, todo, files, tools)
    return shown


def _counted(
    state: WorkState, todo: tuple[Entry, ...], files: tuple[TouchedFile, ...], tools: tuple[str, ...]
) -> WorkState:
    gone = {
        "checklist": len(state.checklist) - len(todo),
        "files": len(state.files) - len(files),
        "tools": len(state.tools) - len(tools),
    }
    omitted = {name: count for name, count in gone.items() if count}
    return replace(state, checklist=todo, files=files, tools=tools, omitted=omitted)


def _line(text: str) -> str:
    line = " ".join(text[: 2 * COMMAND_SHOWN].split())
    return line if len(line) <= COMMAND_SHOWN else line[: COMMAND_SHOWN - 1] + "…"


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    head, tail = room * 3 // 4, room // 4
    return f"{text[:head]}\n[{len(text) - head - tail:,} characters of this message are left out here]\n{text[len(text) - tail :]}"
