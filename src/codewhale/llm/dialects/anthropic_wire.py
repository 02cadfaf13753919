"""Anthropic Messages on the wire: what we read of what is sent. Types only.

Everything read has a default and unknown fields are skipped.
"""

from msgspec import Raw, Struct


class Block(Struct):
    """A block of content as it begins, or whole in an answer that was not streamed."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()


class Delta(Struct):
    """What is added to a block, or said of the whole message."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class Counts(Struct):
    """Token counts; what was read from and written into the cache is not part of `input_tokens`."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class Message(Struct):
    """The message as it begins, or whole."""

    content: list[Block] = []
    stop_reason: str | None = None
    usage: Counts | None = None


class Event(Struct):
    """One event of the stream. A whole answer is read as `Whole`."""

    type: str = ""
    index: int | None = None
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Counts | None = None
    error: Raw = Raw()


class Whole(Struct):
    """An answer that was not streamed, or an error."""

    type: str = ""
    content: list[Block] = []
    stop_reason: str | None = None
    usage: Counts | None = None
    error: Raw = Raw()
