"""What can go wrong with an answer, as values. One `Fault` is one attempt gone wrong; the player obeys it.

A fault without any effect is refused, so that a misspelt intention is not taken for a passing test.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ProviderCategory

Point = Literal[
    "before_headers", "after_headers", "mid_reasoning", "mid_text", "mid_arguments", "before_finish", "before_done"
]
"""Places in an answer, in order. `before_finish` is after all text and calls; `before_done` after the finish reason."""

Garbage = Literal[
    "bad_utf8",
    "bom",
    "comment",
    "comments",
    "error_frame",
    "html",
    "huge_line",
    "json_error",
    "no_colon",
    "not_json",
    "nul",
]
"""`html` and `json_error` replace the whole answer (status 200); the others are put in at `at`: a line, or `size` bytes of
comments, or one line of `size` bytes."""

WHOLE_GARBAGE = frozenset({"html", "json_error"})

_NO_EFFECT = frozenset({"times", "seconds", "at", "size"})
_BEGINNING: Point = "after_headers"


class Drip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body, from the fault's `at` on, in pieces of `bytes`, `interval` seconds apart, wherever frames begin or end."""

    bytes: int
    interval: float = 0.0

    def __post_init__(self) -> None:
        if self.bytes < 1 or not 0 <= self.interval <= 60:
            raise ValueError("drip needs bytes >= 1 and an interval between 0 and 60 seconds")


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way of going wrong, for `times` attempts of the same request (0: every one). Effects can be combined.

    `stall` without `seconds` lasts until the client goes away. `half_close` says no more but goes on listening. `error` is a
    refusal with the status and body that mean that category; `status`, `body`, `headers` and `retry_after` say it literally.
    """

    times: int = 1
    delay: float = 0.0
    stall: Point | None = None
    seconds: float | None = None
    cut: Point | None = None
    reset: Point | None = None
    half_close: Point | None = None
    garbage: Garbage | None = None
    at: Point = _BEGINNING
    size: int = 16 * 1024 * 1024
    drip: Drip | None = None
    error: ProviderCategory | None = None
    status: int | None = None
    body: str | None = None
    headers: dict[str, str] = {}
    retry_after: str | float | None = None
    retry_after_date: float | None = None
    content_type: str | None = None
    redirect: str | None = None
    done: bool = True
    terminate: bool = True
    framing: Literal["lf", "crlf", "cr"] = "lf"
    space: bool = True
    finish: bool = True
    finish_twice: bool = False
    after_finish: str | None = None
    keep_alive: bool = True

    def __post_init__(self) -> None:
        if self.times < 0 or self.delay < 0 or (self.seconds is not None and self.seconds < 0) or self.size < 1:
            raise ValueError("times, delay and seconds cannot be negative; size must be at least 1")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError("status must be between 200 and 599")
        if any("\r" in part or "\n" in part for part in self._header_texts()):
            raise ValueError("header values cannot hold line breaks")
        if msgspec.to_builtins(self).keys() <= _NO_EFFECT:
            raise ValueError("the fault does nothing: give it an effect such as delay, stall, cut, reset or status")

    def _header_texts(self) -> list[str]:
        single = [self.content_type, self.redirect, self.retry_after]
        return [*self.headers, *self.headers.values(), *(text for text in single if isinstance(text, str))]

    @property
    def points(self) -> set[Point]:
        """The places where something happens."""
        inserted = self.at if self.garbage is not None and self.garbage not in WHOLE_GARBAGE else None
        dripping = self.at if self.drip is not None and self.at != _BEGINNING else None
        found = (self.stall, self.cut, self.reset, self.half_close, inserted, dripping)
        return {point for point in found if point is not None}

    @property
    def refuses(self) -> bool:
        """Whether the answer is a refusal, not the reply."""
        return self.error is not None or self.redirect is not None or (self.status or 200) >= 300


def fault_of(faults: tuple[Fault, ...], attempt: int) -> Fault | None:
    """The fault that attempt number `attempt` (from 0) of a request meets, if any is left."""
    for fault in faults:
        if fault.times == 0 or attempt < fault.times:
            return fault
        attempt -= fault.times
    return None


REFUSALS: dict[ProviderCategory, tuple[int, str, str]] = {
    "network": (502, "bad_gateway", "The upstream connection failed."),
    "timeout": (408, "timeout", "The request timed out."),
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached: too many requests."),
    "overloaded": (503, "overloaded", "The model is overloaded."),
    "server": (500, "server_error", "The server had an error while processing your request."),
    "authentication": (401, "invalid_api_key", "Incorrect API key provided."),
    "authorization": (403, "forbidden", "This key may not use the model."),
    "quota": (429, "insufficient_quota", "You exceeded your current quota; check your plan and billing."),
    "invalid_request": (400, "invalid_request_error", "The request is not valid."),
    "context_length": (400, "context_length_exceeded", "This model's maximum context length was exceeded."),
    "content_policy": (400, "content_policy_violation", "The request was refused by the content policy."),
    "model_not_found": (404, "model_not_found", "The model does not exist."),
    "protocol": (200, "protocol", "not an answer"),
}
"""Category to (status, code, message), in the words providers use."""
