"""Tavily's search API. Needs a key."""

from msgspec import Struct

from codewhale.workspace.web.backends.backend import Backend, Query, Result, json_as, one_line, post
from codewhale.workspace.web.exchange import WebRequest


class _Hit(Struct, frozen=True):
    url: str
    title: str = ""
    content: str = ""


class _Answer(Struct, frozen=True):
    results: tuple[_Hit, ...]


def request(query: Query) -> WebRequest:
    body = {"query": query.text, "max_results": query.count}
    return post("https://api.tavily.com/search", body, {"Authorization": f"Bearer {query.key}"})


def parse(content: bytes) -> list[Result]:
    """Results in order."""
    hits = json_as(content, _Answer).results
    return [Result(title=one_line(hit.title), url=hit.url, snippet=one_line(hit.content)) for hit in hits]


BACKEND = Backend(name="tavily", request=request, parse=parse)
