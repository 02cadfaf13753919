"""What the engine asks of a person or client. A request is two events: one that opens it, one that resolves it.

Waiting for the answer is reading the log; there is no live future to lose in a restart.
"""

from typing import Literal

from msgspec import Struct

RequestKind = Literal["approval", "question", "client_tool"]
ApprovalDecision = Literal["allow", "deny"]

APPROVAL_TIMEOUT_SECS = 300


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


class UserInput(Struct, frozen=True, kw_only=True):
    """One to three questions put to the person together."""

    questions: tuple[Question, ...]


class Answer(Struct, frozen=True, kw_only=True):
    """The answer to the question `id`: the label picked, and the value (the label again, or free text)."""

    id: str
    label: str
    value: str


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
