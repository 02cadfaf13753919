"""DuckDuckGo's page for browsers without scripts. Needs no key."""

from urllib.parse import parse_qs, quote_plus, urljoin, urlsplit

from codewhale.domain.errors import ToolError
from codewhale.workspace.web.backends.backend import Backend, Query, Result, get, one_line
from codewhale.workspace.web.exchange import WebRequest

HOST = "html.duckduckgo.com"


def request(query: Query) -> WebRequest:
    return get(f"https://{HOST}/html/?q={quote_plus(query.text)}", {"Accept": "text/html", "Accept-Language": "en"})


def parse(content: bytes) -> list[Result]:
    """Results in order, advertisements left out. `ToolError` when the page asks whether a person is there."""
    from bs4 import BeautifulSoup  # noqa: PLC0415 - start-up: only when something is looked for

    soup = BeautifulSoup(content, "lxml")
    if soup.select_one("#challenge-form, .anomaly-modal__title") is not None:
        raise ToolError("DuckDuckGo wants to see a person and gave no results.")
    results: list[Result] = []
    for block in soup.select("div.result"):
        link = block.select_one("a.result__a")
        if link is None or "result--ad" in (block.get("class") or []):
            continue
        snippet = block.select_one(".result__snippet")
        url = _target(str(link.get("href") or ""))
        if url:
            text = one_line(snippet.get_text(" ")) if snippet is not None else ""
            results.append(Result(title=one_line(link.get_text(" ")), url=url, snippet=text))
    return results


def _target(href: str) -> str:
    """Where a result leads: it goes through a redirect of theirs that names it."""
    try:
        parts = urlsplit(urljoin(f"https://{HOST}/", href))
    except ValueError:
        return ""
    if parts.path == "/y.js":
        return ""
    if (parts.hostname or "").endswith("duckduckgo.com") and parts.path == "/l/":
        return next(iter(parse_qs(parts.query).get("uddg", [])), "")
    return parts.geturl()


BACKEND = Backend(name="duckduckgo", request=request, parse=parse)
