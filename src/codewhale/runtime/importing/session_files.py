"""A session's file (`sessions/<id>.json`) as a story: the thread has the session's own id.

What a person says begins a turn; what the model says in one message is one step of it, its calls together with the results
that later messages bring. Every message is kept, in order, whatever the times say: the file has none of its own.
"""

import os

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from codewhale.context.conversation import UNKNOWN_OUTCOME
from codewhale.domain.ports import Ids
from codewhale.domain.records import (
    SCHEMA_VERSION,
    Item,
    ItemKind,
    Origin,
    SessionCost,
    Status,
    Thread,
    ToolCall,
    Turn,
    summarize,
)
from codewhale.runtime.importing.reading import moment, record
from codewhale.runtime.importing.records import checked
from codewhale.runtime.importing.report import Report
from codewhale.runtime.importing.story import Story

SESSION_VERSION = 1

_RUNS_PROGRAMS = frozenset({"exec_shell", "exec_shell_wait", "exec_shell_interact"})
_WRITES = ("patch", "write", "edit")


class _Metadata(Struct, frozen=True):
    id: str
    created_at: str
    updated_at: str
    workspace: str
    title: str | None = None
    total_tokens: int | None = None
    model: str | None = None
    mode: str | None = None
    cost: SessionCost | None = None
    parent_session_id: str | None = None
    forked_from_message_count: int | None = None
    archived: bool | None = None
    model_provider: str | None = None


class _Block(Struct, frozen=True):
    type: str
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: object = None
    tool_use_id: str | None = None
    content: object = None
    is_error: bool | None = None


class _Message(Struct, frozen=True):
    role: str
    content: str | tuple[_Block, ...]


class OldSession(Struct, frozen=True):
    """A session's file."""

    metadata: _Metadata
    messages: tuple[_Message, ...] = ()
    schema_version: int | None = None
    system_prompt: object = None
    artifacts: tuple[object, ...] | None = None


class _Draft(Struct, kw_only=True):
    turn_id: str
    items: list[Item] = field(default_factory=list[Item])
    step: int = 0


def session_story(path: str, ids: Ids, default_model: str, report: Report) -> Story:
    """The session in a file; `Unreadable` when it is none. Blocks that no message can hold are noted and left out."""
    old = record(path, OldSession, word="Session", supported=SESSION_VERSION)
    where = f"sessions/{os.path.basename(path)}"
    thread = _thread(old, default_model)
    writer = _Writer(ids, thread.created_at, report, where)
    for message in old.messages:
        writer.take(message)
    turns = tuple(_turn(thread, draft) for draft in writer.turns)
    if old.artifacts:
        report.leave(where, f"{len(old.artifacts)} artifacts stay where they are")
    return Story(thread=replace(thread, latest_turn_id=turns[-1][0].id if turns else None), turns=turns)


def _thread(old: OldSession, default_model: str) -> Thread:
    said = old.metadata
    prompt = old.system_prompt
    text = None if prompt is None else prompt if isinstance(prompt, str) else msgspec.json.encode(prompt).decode()
    cost = None if said.cost is None or said.cost == SessionCost() else replace(said.cost, priced=True)
    return Thread(
        schema_version=SCHEMA_VERSION,
        id=checked(said.id),
        created_at=moment(said.created_at),
        updated_at=moment(said.updated_at),
        model=said.model or default_model,
        workspace=said.workspace,
        mode=said.mode or "agent",
        allow_shell=False,
        trust_mode=False,
        auto_approve=False,
        archived=said.archived is True,
        coherence_state="healthy",
        title=(said.title or "").strip() or None,
        model_provider=said.model_provider,
        origin=Origin(
            kind="import",
            session_id=said.parent_session_id,
            message_count=said.forked_from_message_count,
            total_tokens=said.total_tokens,
            cost=cost,
            system_prompt=text,
        ),
    )


class _Writer:
    """Turns messages into turns, one after the other."""

    def __init__(self, ids: Ids, at: str, report: Report, where: str) -> None:
        self.turns: list[_Draft] = []
        self._ids = ids
        self._at = at
        self._report = report
        self._where = where
        self._open: dict[str, tuple[_Draft, int]] = {}

    def take(self, message: _Message) -> None:
        """The next message."""
        content = message.content
        blocks = (_Block(type="text", text=content),) if isinstance(content, str) else content
        if message.role == "assistant":
            self._last().step += 1
        for block in blocks:
            self._block(message.role, block)

    def _block(self, role: str, block: _Block) -> None:
        if block.type == "text" and role == "user":
            self._said(block.text or "")
        elif block.type == "text":
            self._add(self._last(), "agent_message" if role == "assistant" else "status", block.text or "")
        elif block.type == "thinking":
            self._add(self._last(), "agent_reasoning", block.thinking or block.text or "")
        elif block.type.endswith("tool_use") and block.name:
            self._called(block, block.name)
        elif block.type.endswith("tool_result") and block.tool_use_id in self._open:
            self._answered(block)
        else:
            what = "without its call " if block.type.endswith("tool_result") else ""
            self._report.note(self._where, f"a block {block.type[:40]!r} {what}was left out")

    def _said(self, text: str) -> None:
        if not self.turns or any(item.kind != "user_message" for item in self.turns[-1].items):
            self.turns.append(_Draft(turn_id=self._ids.new("turn")))
        self._add(self.turns[-1], "user_message", text)

    def _called(self, block: _Block, name: str) -> None:
        draft = self._last()
        given = block.input
        text = given if isinstance(given, str) else msgspec.json.encode({} if given is None else given).decode()
        call = ToolCall(id=block.id or f"call_{len(self._open)}_{draft.turn_id}", name=name, arguments=text)
        item = self._item(draft, kind_of_tool(name), UNKNOWN_OUTCOME, "interrupted")
        self._open[call.id] = (draft, len(draft.items))
        draft.items.append(replace(item, call=call, summary=f"{name} interrupted"))

    def _answered(self, block: _Block) -> None:
        draft, at = self._open.pop(block.tool_use_id or "")
        item = draft.items[at]
        name = item.call.name if item.call is not None else ""
        text = _text(block.content)
        failed = block.is_error is True
        summary = summarize(f"{name} failed: {text}" if failed else f"{name}: {text}")
        status: Status = "failed" if failed else "completed"
        draft.items[at] = replace(item, status=status, detail=text, summary=summary)

    def _last(self) -> _Draft:
        if not self.turns:
            self.turns.append(_Draft(turn_id=self._ids.new("turn")))
        return self.turns[-1]

    def _add(self, draft: _Draft, kind: ItemKind, text: str) -> None:
        draft.items.append(self._item(draft, kind, text, "completed"))

    def _item(self, draft: _Draft, kind: ItemKind, text: str, status: Status) -> Item:
        return Item(
            schema_version=SCHEMA_VERSION,
            id=self._ids.new("item"),
            turn_id=draft.turn_id,
            kind=kind,
            status=status,
            summary=summarize(text),
            artifact_refs=(),
            detail=text,
            started_at=self._at,
            ended_at=self._at,
            step=draft.step,
        )


def kind_of_tool(name: str) -> ItemKind:
    """The kind of a call's item, as the contract has it (runtime-contract §2.5)."""
    if name in _RUNS_PROGRAMS:
        return "command_execution"
    return "file_change" if any(part in name for part in _WRITES) else "tool_call"


def _turn(thread: Thread, draft: _Draft) -> tuple[Turn, tuple[Item, ...]]:
    said = next((item.detail for item in draft.items if item.kind == "user_message"), None)
    turn = Turn(
        schema_version=SCHEMA_VERSION,
        id=draft.turn_id,
        thread_id=thread.id,
        status="completed",
        input_summary=summarize(said or ""),
        created_at=thread.created_at,
        item_ids=tuple(item.id for item in draft.items),
        steer_count=0,
        started_at=thread.created_at,
        ended_at=thread.created_at,
        duration_ms=0,
    )
    return turn, tuple(draft.items)


def _text(content: object) -> str:
    """A result's text: a string, the texts of a list of blocks, or else its JSON."""
    if content is None or isinstance(content, str):
        return content or ""
    try:
        blocks = msgspec.convert(content, list[_Block])
    except msgspec.ValidationError:
        return msgspec.json.encode(content).decode()
    return "\n".join(b.text if b.text is not None else f"[{b.type}]" for b in blocks)
