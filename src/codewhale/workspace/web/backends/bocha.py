"""Bocha's search API, which knows the Chinese web well. Needs a key."""

from msgspec import Struct, field

from codewhale.domain.errors import ToolError
from codewhale.workspace.web.backends.backend import Backend, Query, Result, json_as, one_line, post
from codewhale.workspace.web.exchange import WebRequest


class _Hit(Struct, frozen=True):
    url: str
    name: str = ""
    snippet: str = ""
    summary: str | None = None


class _Pages(Struct, frozen=True):
    value: tuple[_Hit, ...] = ()


class _Found(Struct, frozen=True):
    pages: _Pages | None = field(name="webPages", default=None)


class _Answer(Struct, frozen=True):
    code: int = 200
    msg: str | None = None
    data: _Found | None = None


def request(query: Query) -> WebRequest:
    body = {"query": query.text, "count": query.count, "summary": True}
    return post("https://api.bochaai.com/v1/web-search", body, {"Authorization": f"Bearer {query.key}"})


def parse(content: bytes) -> list[Result]:
    """Results in order, with the summary where there is one. `ToolError` when the service refused."""
    answer = json_as(content, _Answer)
    if answer.code != 200:
        raise ToolError(f"Bocha refused: {one_line(answer.msg or '') or answer.code}.")
    pages = (answer.data.pages if answer.data is not None else None) or _Pages()
    return [
        Result(title=one_line(hit.name), url=hit.url, snippet=one_line(hit.summary or hit.snippet))
        for hit in pages.value
    ]


BACKEND = Backend(name="bocha", request=request, parse=parse)
