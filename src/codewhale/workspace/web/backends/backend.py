"""What a search service is to us. The result types and the small parsing that several share."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.web.exchange import WebRequest
from codewhale.workspace.web.urls import parse_web_url

MAX_ANSWER = 4 * 1024 * 1024
Shape = TypeVar("Shape")


class Query(Struct, frozen=True, kw_only=True):
    """What to look for. `key` is the service's API key, `url` the address of an instance of the person's own."""

    text: str
    count: int
    key: str = ""
    url: str = ""


class Result(Struct, frozen=True, kw_only=True):
    """One page that was found."""

    title: str
    url: str
    snippet: str


class Backend(Struct, frozen=True, kw_only=True):
    """A search service. `parse` gives the results of an answer in the service's order; `ToolError` when the answer is none."""

    name: str
    request: Callable[[Query], WebRequest]
    parse: Callable[[bytes], list[Result]]


def get(url: str, headers: dict[str, str] | None = None, *, local: bool = False) -> WebRequest:
    """A request that follows no redirect: a key must not be carried elsewhere."""
    return WebRequest(url=parse_web_url(url, local=local), max_bytes=MAX_ANSWER, headers=headers or {}, redirects=0)


def post(url: str, body: object, headers: dict[str, str]) -> WebRequest:
    """The same, with a JSON body."""
    return WebRequest(
        url=parse_web_url(url),
        max_bytes=MAX_ANSWER,
        headers={"Content-Type": "application/json", **headers},
        body=msgspec.json.encode(body),
        redirects=0,
    )


def json_as(content: bytes, shape: type[Shape]) -> Shape:
    """The JSON of an answer. `ToolError` when it has another shape."""
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ToolError(f"What the search service answered is not understood: {error}.") from error


def one_line(text: str) -> str:
    """Text without line breaks and runs of blanks, of at most 1,000 characters."""
    return " ".join(text.split())[:1000]
