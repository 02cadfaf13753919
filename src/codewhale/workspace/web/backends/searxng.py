"""A SearXNG instance of the person's own (`search.url`), with its JSON format switched on. Needs no key."""

from urllib.parse import quote_plus

from msgspec import Struct

from codewhale.workspace.web.backends.backend import Backend, Query, Result, get, json_as, one_line
from codewhale.workspace.web.exchange import WebRequest


class _Hit(Struct, frozen=True):
    url: str
    title: str = ""
    content: str | None = None


class _Answer(Struct, frozen=True):
    results: tuple[_Hit, ...]


def request(query: Query) -> WebRequest:
    asked = f"{query.url.rstrip('/')}/search?q={quote_plus(query.text)}&format=json"
    return get(asked, {"Accept": "application/json"}, local=True)


def parse(content: bytes) -> list[Result]:
    """Results in order."""
    hits = json_as(content, _Answer).results
    return [Result(title=one_line(hit.title), url=hit.url, snippet=one_line(hit.content or "")) for hit in hits]


BACKEND = Backend(name="searxng", request=request, parse=parse)
