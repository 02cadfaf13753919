"""Bing's result page. Needs no key; what stands in when DuckDuckGo gives nothing."""

import base64
import binascii
from urllib.parse import parse_qs, quote_plus, urlsplit

from codewhale.workspace.web.backends.backend import Backend, Query, Result, get, one_line
from codewhale.workspace.web.exchange import WebRequest

HOST = "www.bing.com"


def request(query: Query) -> WebRequest:
    asked = f"https://{HOST}/search?q={quote_plus(query.text)}&count={query.count}&setlang=en"
    return get(asked, {"Accept": "text/html", "Accept-Language": "en"})


def parse(content: bytes) -> list[Result]:
    """Results in order, advertisements left out."""
    from bs4 import BeautifulSoup  # noqa: PLC0415 - start-up: only when something is looked for

    results: list[Result] = []
    for block in BeautifulSoup(content, "lxml").select("li.b_algo"):
        link = block.select_one("h2 a")
        url = _target(str(link.get("href") or "")) if link is not None else ""
        if link is not None and url:
            snippet = block.select_one(".b_caption p, p.b_lineclamp2, p")
            text = one_line(snippet.get_text(" ")) if snippet is not None else ""
            results.append(Result(title=one_line(link.get_text(" ")), url=url, snippet=text))
    return results


def _target(href: str) -> str:
    """Where a result leads: it may go through a redirect of theirs that holds it in base64."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if not (parts.hostname or "").endswith("bing.com") or parts.path != "/ck/a":
        return href
    held = next(iter(parse_qs(parts.query).get("u", [])), "")
    if not held.startswith("a1"):
        return ""
    try:
        return base64.urlsafe_b64decode(held[2:] + "=" * (-len(held[2:]) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


BACKEND = Backend(name="bing", request=request, parse=parse)
