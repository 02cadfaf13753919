"""The provider port: one model call as a stream of model events."""

from collections.abc import AsyncIterator
from typing import Protocol

from codewhale.domain.messages import ModelEvent, ModelRequest


class Provider(Protocol):
    """Something that answers model requests. `testing/provider_kit.py` checks every implementation."""

    @property
    def name(self) -> str:
        """The provider's id, e.g. `deepseek`."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """The answer, in order, ending with `Finished`. Raises `ProviderError`; partial output before it stays valid.
        Closing the iterator (or cancelling) drops the connection within 100 ms."""
        ...

    async def close(self) -> None:
        """Close idle connections."""
        ...
