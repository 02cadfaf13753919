"""What the guard asks of an adapter: one attempt at a model call, in batches as the network gave them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from codewhale.domain.messages import ModelEvent, ModelRequest

Batches = AsyncGenerator[Sequence[ModelEvent]]


class Adapter(Protocol):
    """One wire dialect at one endpoint. Never retries and has no limits of time; `llm/guard.py` does both."""

    @property
    def name(self) -> str:
        """The provider's id."""
        ...

    def attempt(self, request: ModelRequest) -> Batches:
        """The first batch comes, empty, when the response head is there; then one batch per network read, empty when
        the read held no event: each is a sign of life. Ends with `Finished` or raises `ProviderError`. Closing it
        drops the connection."""
        ...

    async def close(self) -> None: ...
