"""Brave's search API. Needs a key."""

from urllib.parse import quote_plus

from msgspec import Struct

from codewhale.workspace.web.backends.backend import Backend, Query, Result, get, json_as, one_line
from codewhale.workspace.web.exchange import WebRequest


class _Hit(Struct, frozen=True):
    url: str
    title: str = ""
    description: str = ""


class _Web(Struct, frozen=True):
    results: tuple[_Hit, ...] = ()


class _Answer(Struct, frozen=True):
    web: _Web | None = None


def request(query: Query) -> WebRequest:
    asked = f"https://api.search.brave.com/res/v1/web/search?q={quote_plus(query.text)}&count={query.count}"
    return get(asked, {"Accept": "application/json", "X-Subscription-Token": query.key})


def parse(content: bytes) -> list[Result]:
    """Results in order; the marks around matching words are taken out."""
    web = json_as(content, _Answer).web or _Web()
    return [
        Result(title=one_line(hit.title), url=hit.url, snippet=one_line(_unmarked(hit.description)))
        for hit in web.results
    ]


def _unmarked(text: str) -> str:
    return text.replace("<strong>", "").replace("</strong>", "")


BACKEND = Backend(name="brave", request=request, parse=parse)
