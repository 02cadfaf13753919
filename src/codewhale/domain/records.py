"""The durable records of the published contract (runtime-contract §2) and what the engine adds to them.

Fields with a default are left out of the JSON when they hold it; all others are always present.
Records are values: a change makes a new one.
"""

from typing import Literal

from msgspec import Struct

from codewhale.domain.compactions import Compaction

SCHEMA_VERSION = 2
SUMMARY_LIMIT = 280

CoherenceState = Literal["healthy", "getting_crowded", "refreshing_context", "verifying_recent_work", "resetting_plan"]
Status = Literal["queued", "in_progress", "completed", "failed", "interrupted", "canceled"]
ItemKind = Literal[
    "user_message",
    "agent_message",
    "agent_reasoning",
    "tool_call",
    "file_change",
    "command_execution",
    "context_compaction",
    "status",
    "error",
]
OriginKind = Literal["fork", "rewind", "resume", "import"]
DeltaKind = Literal["agent_message", "agent_reasoning", "tool_call"]

OPEN_STATUSES = frozenset({"queued", "in_progress"})


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one model call, or of a turn (their sum). Absent means the provider did not say. `cache_write_tokens` are
    those misses that were written into the provider's cache, where it charges for that."""

    input_tokens: int
    output_tokens: int
    prompt_cache_hit_tokens: int | None = None
    prompt_cache_miss_tokens: int | None = None
    reasoning_tokens: int | None = None
    reasoning_replay_tokens: int | None = None
    cache_write_tokens: int | None = None


class SessionCost(Struct, frozen=True, kw_only=True):
    """What a session has cost, as the published contract shapes it. `priced` false: nobody knows, the numbers say nothing."""

    session_cost_usd: float = 0.0
    session_cost_cny: float = 0.0
    subagent_cost_usd: float = 0.0
    subagent_cost_cny: float = 0.0
    displayed_cost_high_water_usd: float = 0.0
    displayed_cost_high_water_cny: float = 0.0
    priced: bool = False


class Origin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a thread that did not begin empty comes from.

    `session_id` is the thread it was copied from and `message_count` how many messages were copied. What another system had
    noted and our log cannot compute is kept as it was: tokens, cost, and the system prompt, which is shown and never sent.
    """

    kind: OriginKind
    session_id: str | None = None
    message_count: int | None = None
    total_tokens: int | None = None
    cost: SessionCost | None = None
    system_prompt: str | None = None


class Thread(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A durable conversation; `updated_at` moves at turn start and end, at a change, and at recovery.

    `session_id` is the session it was resumed from. With `deleted_at` it is no session any more (and archived); taking it
    out of the archive makes it one again.
    """

    schema_version: int
    id: str
    created_at: str
    updated_at: str
    model: str
    workspace: str
    mode: str
    allow_shell: bool
    trust_mode: bool
    auto_approve: bool
    archived: bool
    coherence_state: CoherenceState
    latest_turn_id: str | None = None
    system_prompt: str | None = None
    task_id: str | None = None
    title: str | None = None
    model_provider: str | None = None
    session_id: str | None = None
    deleted_at: str | None = None
    origin: Origin | None = None


class Turn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From an input until the engine is quiet again. `item_ids` are in order of creation."""

    schema_version: int
    id: str
    thread_id: str
    status: Status
    input_summary: str
    created_at: str
    item_ids: tuple[str, ...]
    steer_count: int
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: int | None = None
    usage: Usage | None = None
    error: str | None = None
    error_code: str | None = None
    effective_model: str | None = None
    effective_provider: str | None = None


class Carried(Struct, frozen=True, kw_only=True):
    """What a provider wants back unchanged with a block of reasoning: a signature, or the block itself in a form that only
    it can read. Good for this dialect and model alone; `seal` tells whether text and data are still as they came."""

    dialect: str
    model: str
    data: str
    seal: str


class ToolCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One use of a tool as the model asked for it; `arguments` is its JSON text, byte for byte. `signature` is what a provider
    wants back with the call, unchanged."""

    id: str
    name: str
    arguments: str
    signature: str | None = None


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A unit of visible work in a turn.

    `detail` is the whole text: what was said, or what the tool gave back to the model (before the end: its arguments).
    `step` is the model call that the item belongs to, from 1; a user message carries the step after which the model
    sees it (0 for the turn's input). `metadata` is for people and programs, never for the model. `carried` belongs to a
    block of reasoning and goes back to the provider that gave it. `compaction` says what a compaction did; one without it
    has replaced all before it by its detail. `attempt` is there from the second attempt at a model call on: of a step, only
    what came of the last attempt belongs to the conversation.
    """

    schema_version: int
    id: str
    turn_id: str
    kind: ItemKind
    status: Status
    summary: str
    artifact_refs: tuple[str, ...]
    detail: str | None = None
    metadata: dict[str, object] | None = None
    started_at: str | None = None
    ended_at: str | None = None
    step: int | None = None
    call: ToolCall | None = None
    carried: Carried | None = None
    compaction: Compaction | None = None
    attempt: int | None = None

    @property
    def summarizes(self) -> bool:
        """Whether it is a compaction whose detail took the place of what came before."""
        done = self.kind == "context_compaction" and self.status == "completed" and bool(self.detail)
        return done and (self.compaction is None or self.compaction.act == "summarized")


def summarize(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """At most `limit` characters, the last three `...` when cut; control characters but newline and tab dropped."""
    head = text[: limit * 4 + 1]
    clean = "".join(c for c in head if (c >= " " and c != "\x7f") or c in "\n\t")
    if len(clean) <= limit and len(head) == len(text):
        return clean
    return clean[: limit - 3] + "..."


def add_usage(a: Usage | None, b: Usage) -> Usage:
    """The sum of two usages; a part that neither reported stays absent."""
    if a is None:
        return b
    return Usage(
        input_tokens=a.input_tokens + b.input_tokens,
        output_tokens=a.output_tokens + b.output_tokens,
        prompt_cache_hit_tokens=_sum(a.prompt_cache_hit_tokens, b.prompt_cache_hit_tokens),
        prompt_cache_miss_tokens=_sum(a.prompt_cache_miss_tokens, b.prompt_cache_miss_tokens),
        reasoning_tokens=_sum(a.reasoning_tokens, b.reasoning_tokens),
        reasoning_replay_tokens=_sum(a.reasoning_replay_tokens, b.reasoning_replay_tokens),
        cache_write_tokens=_sum(a.cache_write_tokens, b.cache_write_tokens),
    )


def _sum(a: int | None, b: int | None) -> int | None:
    return a if b is None else b if a is None else a + b
