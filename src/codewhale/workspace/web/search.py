"""A search: the person's service is asked, and where a keyless one gives nothing, the other keyless one.

What comes back is cleaned for everybody alike: only web addresses, each once, no pages stuffed with one word.
"""

import ssl
from collections import Counter
from collections.abc import Iterable
from importlib import import_module

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.plain import plain
from codewhale.workspace.web.backends.backend import Backend, Query, Result
from codewhale.workspace.web.dial import Asked, Dialer
from codewhale.workspace.web.exchange import fetch
from codewhale.workspace.web.service import KEYLESS, SearchService
from codewhale.workspace.web.urls import parse_web_url


class Found(Struct, frozen=True, kw_only=True):
    """The results of a search, and which service (`source`) they are from. `message` says what should be known about them."""

    source: str
    message: str
    results: tuple[Result, ...]


async def search(dialer: Dialer, service: SearchService, text: str, count: int, tls: ssl.SSLContext) -> Found:
    """At most `count` results. `ToolError` when no service gave an answer."""
    problems: list[str] = []
    for name in service.services:
        query = Query(text=text, count=count, key=service.key or "", url=service.url or "")
        try:
            results = await _asked(dialer, service, _backend(name), query, tls)
        except ToolError as error:
            if error.category == "permission_denied" or name not in KEYLESS:
                raise
            problems.append(f"{name}: {error.message}")
            continue
        if results:
            return Found(source=name, message=" ".join(problems), results=results[:count])
        problems.append(f"{name}: no results.")
    if all(problem.endswith("no results.") for problem in problems):
        return Found(source=service.services[-1], message="Nothing was found.", results=())
    hint = "The person can set another service under [search] in the settings."
    raise ToolError(f"The search gave nothing. {' '.join(problems)} {hint}")


async def _asked(
    dialer: Dialer, service: SearchService, backend: Backend, query: Query, tls: ssl.SSLContext
) -> tuple[Result, ...]:
    request = backend.request(query)
    way = dialer.to_configured() if service.url else dialer
    asked = Asked(by="web_search", cleared=frozenset({request.url.host.name}))
    answer = await fetch(way, request, asked, tls)
    if answer.status in (401, 403) and service.key:
        raise ToolError(f"{backend.name} did not accept the API key (status {answer.status}).")
    if answer.status != 200:
        raise ToolError(f"{backend.name} answered with status {answer.status}.")
    if answer.truncated:
        raise ToolError(f"{backend.name} answered with more than can be read.")
    return _cleaned(backend.parse(answer.content))


def _backend(name: str) -> Backend:
    return import_module(f"codewhale.workspace.web.backends.{name}").BACKEND


def _cleaned(results: Iterable[Result]) -> tuple[Result, ...]:
    kept: dict[str, Result] = {}
    for result in results:
        try:
            url = str(parse_web_url(result.url))
        except ToolError:
            continue
        if not _stuffed(result.snippet):
            kept.setdefault(url, Result(title=plain(result.title), url=url, snippet=plain(result.snippet)))
    return tuple(kept.values())


def _stuffed(text: str) -> bool:
    """Whether one word makes up half of a longer text."""
    words = text.lower().split()
    return len(words) >= 20 and Counter(words).most_common(1)[0][1] * 2 > len(words)
