"""What the engine asks of a person or client. A request is two events: one that opens it, one that resolves it.

Waiting for the answer is reading the log; there is no live future to lose in a restart.
"""

from typing import Literal

from msgspec import Struct

from codewhale.domain.wishes import Wish

RequestKind = Literal["approval", "question", "client_tool"]
ApprovalDecision = Literal["allow", "deny"]

APPROVAL_TIMEOUT_SECS = 300
CLIENT_TOOL_TIMEOUT_SECS = 300
CLIENT_TOOLS_PENDING = 128
"""Most calls of client-executed tools that may wait at once, over all threads."""


class QuestionOption(Struct, frozen=True, kw_only=True):
    """One answer that a person can pick."""

    label: str
    description: str


class Question(Struct, frozen=True, kw_only=True):
    """One question of `request_user_input`; `id` is what the answer refers to."""

    header: str
    id: str
    question: str
    options: tuple[QuestionOption, ...]
    allow_free_text: bool = False
    multi_select: bool = False


class Answer(Struct, frozen=True, kw_only=True):
    """The answer to the question `id`: the label picked, and the value (the label again, or free text)."""

    id: str
    label: str
    value: str


class UserInput(Wish[tuple[Answer, ...]], frozen=True, kw_only=True):
    """One to three questions put to the person together."""

    questions: tuple[Question, ...]


class ClientTool(Struct, frozen=True, kw_only=True):
    """A tool that the client brings along for one turn and runs itself. The model sees `name`, behind `namespace` and two
    underscores where there is one; `input_schema` is a JSON schema object. All are offered at once, so `defer_loading`
    (load when searched for) is accepted and changes nothing."""

    name: str
    description: str
    input_schema: dict[str, object]
    namespace: str | None = None
    defer_loading: bool = False


class InputText(Struct, frozen=True, kw_only=True, tag="input_text", tag_field="type"):
    """Text of a client tool's result."""

    text: str


class InputImage(Struct, frozen=True, kw_only=True, tag="input_image", tag_field="type"):
    """An image of a client tool's result, by its URL (a `data:` one too)."""

    image_url: str


ResultContent = InputText | InputImage


class ClientToolResult(Struct, frozen=True, kw_only=True):
    """What a client's tool gave back: parts in order, and whether it did what was asked."""

    success: bool
    content: tuple[ResultContent, ...]


class ClientCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that waits for the client: the tool as the client named it, and the arguments decoded."""

    tool: str
    arguments: object
    namespace: str | None = None


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An open request. `id` is unique over all threads and all time; `expires_at` is when silence becomes a denial."""

    id: str
    kind: RequestKind
    thread_id: str
    turn_id: str
    item_id: str
    tool_name: str
    description: str
    created_at: str
    expires_at: str | None = None
    user_input: UserInput | None = None
    client_call: ClientCall | None = None
