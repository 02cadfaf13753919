"""Every error a caller can meet, as one tree. Each has a stable `code`; `hint` says what to do.

CodewhaleError
├── InvalidInput            what was asked makes no sense (HTTP 400)
├── NotFound                no such thread, turn, item, request (404)
├── Conflict                right thing, wrong moment (409)
├── NotAvailable            a thing of the contract that this codewhale cannot do yet (501)
├── ConfigError             settings that cannot be used
├── BudgetSpent             a budget does not allow another model call
├── StoreError              the log cannot do what was asked
│   ├── StoreOwned          another process owns the data directory
│   ├── StoreTooNew         written by a newer codewhale; left untouched
│   ├── StoreUnwritable     disk full, read-only, input/output error
│   └── StoreCorrupt        the file breaks a law of the log
├── ProviderError           the model's side (one class, `category` tells)
└── ToolError               a tool call that failed; its text goes to the model
"""

from typing import Literal

ProviderCategory = Literal[
    "network",
    "timeout",
    "rate_limit",
    "overloaded",
    "server",
    "authentication",
    "authorization",
    "quota",
    "invalid_request",
    "context_length",
    "content_policy",
    "model_not_found",
    "protocol",
]
ToolErrorCategory = Literal[
    "invalid_input",
    "missing_field",
    "path_escape",
    "execution_failed",
    "timeout",
    "cancelled",
    "not_available",
    "permission_denied",
    "sandbox_setup_failed",
]

RETRYABLE: frozenset[str] = frozenset({"network", "timeout", "rate_limit", "overloaded", "server", "quota"})
"""Provider categories where the same request may succeed later."""


class CodewhaleError(Exception):
    """An error with a message for people, a stable code for programs and a hint that says what to do."""

    code = "error"

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def in_full(self) -> str:
        """The message and then the hint as sentences of one text, for places that have no line for each."""
        if not self.hint:
            return self.message
        end = "" if self.message.endswith((".", "!", "?", "…")) else "."
        return f"{self.message}{end} {self.hint[:1].upper()}{self.hint[1:]}"


class InvalidInput(CodewhaleError):
    """The request itself is wrong."""

    code = "invalid_input"


class NotFound(CodewhaleError):
    """The thing named does not exist."""

    code = "not_found"


class Conflict(CodewhaleError):
    """Not possible in the present state."""

    code = "conflict"


class NotAvailable(CodewhaleError):
    """Part of the contract, not of this codewhale."""

    code = "not_available"


class BudgetSpent(CodewhaleError):
    """A model call that a budget does not allow; the turn that would make it fails."""

    code = "budget_exceeded"


class ConfigError(CodewhaleError):
    """A setting is missing, unreadable or contradicts another."""

    code = "config"


class StoreError(CodewhaleError):
    """The log refused or failed."""

    code = "store"


class StoreOwned(StoreError):
    """Another process holds the data directory's lock."""

    code = "store_owned"


class StoreTooNew(StoreError):
    """The store has a newer schema than this codewhale knows."""

    code = "store_too_new"


class StoreUnwritable(StoreError):
    """The disk is full, read-only or failing; nothing was acknowledged."""

    code = "store_unwritable"


class StoreCorrupt(StoreError):
    """What is on disk cannot have been written by us."""

    code = "store_corrupt"


class ProviderError(CodewhaleError):
    """A model call failed. `retry_after` is in seconds, as the provider asked; `status` is the HTTP status if one came."""

    code = "provider"

    def __init__(
        self,
        message: str,
        *,
        category: ProviderCategory,
        status: int | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=f"provider_{category}")
        self.category: ProviderCategory = category
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.category in RETRYABLE


class ToolError(CodewhaleError):
    """A tool call that could not be done; `message` is what the model reads."""

    code = "tool"

    def __init__(self, message: str, *, category: ToolErrorCategory = "execution_failed") -> None:
        super().__init__(message, code=f"tool_{category}")
        self.category: ToolErrorCategory = category
