"""Bodies that exist only on the wire: requests and answers of the contract that are not records of the domain."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.introspection import McpServer, McpTool
from codewhale.domain.records import Item, Thread, Turn
from codewhale.domain.requests import Answer, UserInput
from codewhale.domain.sessions import SessionMetadata


class Health(Struct, frozen=True, kw_only=True):
    """Answer of `GET /health`."""

    status: str
    service: str
    mode: str


class RuntimeInfo(Struct, frozen=True, kw_only=True):
    """Where the server listens and whether a token is needed."""

    bind_host: str
    port: int
    auth_required: bool
    version: str


class PendingApproval(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that waits for `POST /v1/approvals/{id}`; after `expires_at` silence is a denial."""

    id: str
    turn_id: str
    tool_name: str
    description: str
    item_id: str
    expires_at: str | None = None


class PendingUserInput(Struct, frozen=True, kw_only=True):
    """Questions that wait for `POST /v1/user-input/{thread_id}/{id}`."""

    id: str
    turn_id: str
    item_id: str
    request: UserInput


class PendingToolCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that the client runs; its result goes to `POST /v1/threads/{id}/turns/{turn_id}/tool-calls/{call_id}/result`."""

    thread_id: str
    turn_id: str
    call_id: str
    tool: str
    arguments: object
    namespace: str | None = None
    item_id: str | None = None
    expires_at: str | None = None


class ThreadDetail(Struct, frozen=True, kw_only=True):
    """A thread with everything in it. All parts reflect exactly the events up to `latest_seq`."""

    thread: Thread
    turns: tuple[Turn, ...]
    items: tuple[Item, ...]
    latest_seq: int
    pending_approvals: tuple[PendingApproval, ...]
    pending_user_inputs: tuple[PendingUserInput, ...]
    pending_dynamic_tool_calls: tuple[PendingToolCall, ...]


class SteerRequest(Struct, frozen=True, kw_only=True):
    """More input for the turn under way."""

    prompt: str


class DecisionRequest(Struct, frozen=True, kw_only=True):
    """An answer to an approval: `allow` or `deny`; `remember` approves the thread's later calls too; `reason` (ours) is
    told to the model with a denial."""

    decision: str
    remember: bool = False
    reason: str | None = None


class DecisionReceipt(Struct, frozen=True, kw_only=True):
    """The decision was the first one and is recorded."""

    ok: bool
    approval_id: str
    decision: str
    delivered: bool


class AnswersRequest(Struct, frozen=True, kw_only=True):
    """The answers to the questions of one `user_input.required`."""

    answers: tuple[Answer, ...]


class AnswersReceipt(Struct, frozen=True, kw_only=True):
    """The answers were the first ones and are recorded."""

    ok: bool
    input_id: str
    delivered: bool


class StreamRequest(Struct, frozen=True, kw_only=True):
    """A turn on a thread of its own, answered as a stream."""

    prompt: str
    model: str | None = None
    mode: str | None = None
    workspace: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None


class SessionList(Struct, frozen=True, kw_only=True):
    """Answer of `GET /v1/sessions`."""

    sessions: tuple[SessionMetadata, ...]


class UndoRequest(Struct, frozen=True, kw_only=True):
    """How far back: 0 leaves out the newest turn with something said by a person, 1 the newest two."""

    depth: Annotated[int, Meta(ge=0)] = 0


class RetryRequest(Struct, frozen=True, kw_only=True):
    """How far back, and what to say instead of what was said there."""

    depth: Annotated[int, Meta(ge=0)] = 0
    prompt: str | None = None


class PatchUndoRequest(Struct, frozen=True, kw_only=True):
    """How far back, and (ours) whether files that changed since in another way may be overwritten."""

    depth: Annotated[int, Meta(ge=0)] = 0
    force: bool = False


class RevertRequest(Struct, frozen=True, kw_only=True):
    """How many of the turns that changed files are to be taken back, and whether other changes may be overwritten."""

    turns: Annotated[int, Meta(ge=1, le=50)] = 1
    force: bool = False


class CompactRequest(Struct, frozen=True, kw_only=True):
    """Why the context is compacted, for people; its first 280 characters name the turn."""

    reason: str | None = None


class SkillRequest(Struct, frozen=True, kw_only=True):
    """Whether a skill is to be offered to the model."""

    enabled: bool


class McpServers(Struct, frozen=True, kw_only=True):
    """The configured MCP servers, by name."""

    servers: tuple[McpServer, ...]


class McpTools(Struct, frozen=True, kw_only=True):
    """Tools of connected MCP servers, by server and name."""

    tools: tuple[McpTool, ...]


class ModelName(Struct, frozen=True, kw_only=True):
    """A model as its provider calls it."""

    id: str


class ProviderModels(Struct, frozen=True, kw_only=True):
    """Models of a provider, its default first."""

    provider: str
    models: tuple[ModelName, ...]


class SwitchRequest(Struct, frozen=True, kw_only=True):
    """The model to use with the provider; absent is the provider's default."""

    model: str | None = None
