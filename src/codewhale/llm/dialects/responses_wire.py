"""OpenAI Responses on the wire: what we read of what is sent. Types only.

Everything read has a default and unknown fields are skipped. An item is kept raw where it has to go back as it came.
"""

from msgspec import Raw, Struct


class Text(Struct):
    """A part of a message or of a reasoning summary."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None


class Item(Struct):
    """An output item: a message, reasoning or a function call."""

    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    content: list[Text] | None = None
    summary: list[Text] | None = None
    encrypted_content: str | None = None


class InputDetails(Struct):
    """Of the input."""

    cached_tokens: int | None = None


class OutputDetails(Struct):
    """Of the output."""

    reasoning_tokens: int | None = None


class Counts(Struct):
    """Token counts; what came from the cache is part of the input."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class Incomplete(Struct):
    """Why an answer was cut."""

    reason: str | None = None


class Response(Struct):
    """The response object: whole at the end of a stream, and the whole of an answer that was not streamed."""

    status: str | None = None
    output: list[Item] = []
    usage: Counts | None = None
    incomplete_details: Incomplete | None = None
    error: Raw = Raw()
    object: str | None = None


class Event(Struct):
    """One event of the stream."""

    type: str = ""
    output_index: int | None = None
    delta: str | None = None
    item: Item | None = None
    response: Response | None = None
    error: Raw = Raw()
