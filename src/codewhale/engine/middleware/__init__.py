"""Policies that the loop asks before every step, one file each. A policy sees the state and may stop the turn."""

from typing import Protocol

from msgspec import Struct

from codewhale.domain.records import Usage


class LoopState(Struct, frozen=True, kw_only=True):
    """Where the loop stands: the step about to begin (from 1) and what the turn has used."""

    step: int
    usage: Usage | None


class Stop(Struct, frozen=True, kw_only=True):
    """End the turn as failed: why in words, and a stable code."""

    error: str
    code: str


class LoopPolicy(Protocol):
    """Asked before each step; None lets it begin."""

    def before_step(self, state: LoopState) -> Stop | None: ...
