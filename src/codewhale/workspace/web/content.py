"""What a response says, as text: its kind, its characters, and HTML as Markdown or plain text.

Content is data of a stranger: nothing in it is run or fetched, and no input makes this loop. Blocking; call it in a thread.
"""

import codecs
import re
from urllib.parse import urljoin

from msgspec import Struct

from codewhale.workspace.web.forms import Format

MAX_HTML = 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_CHARSET_BYTES = re.compile(rb"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_TEXTUAL = re.compile(
    r"text/|application/(?:[\w.-]+\+)?(?:json|xml|javascript|yaml|toml|x-sh|sql|x-ndjson|graphql|rtf)\b|.*\+(?:json|xml)\b|\Z"
)
_UNSAFE_CODECS = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7", "mbcs", "oem"}
)
_BLANKS = re.compile(r"[ \t\f\v\xa0]+")
_EMPTY_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_DROPPED = ("script", "style", "noscript", "template", "svg", "iframe", "object", "head", "canvas")


class Page(Struct, frozen=True, kw_only=True):
    """Content as text. `shortened`: HTML beyond the limit of what is converted was left out."""

    text: str
    title: str | None = None
    shortened: bool = False


def page(content: bytes, content_type: str, url: str, wanted: Format) -> Page | None:
    """The content in the form that is wanted; None when it is not text at all."""
    if not is_text(content, content_type):
        return None
    text = decoded(content, content_type)
    if wanted == "raw" or not is_html(text, content_type):
        return Page(text=text)
    return _readable(text, url, wanted)


def is_text(content: bytes, content_type: str) -> bool:
    """Whether people could read it: the server says so, and no NUL speaks against it."""
    kind = content_type.partition(";")[0].strip().lower()
    marked = content.startswith(tuple(mark for mark, _ in _MARKS))
    return bool(_TEXTUAL.match(kind)) and (marked or b"\x00" not in content[:8192])


def is_html(text: str, content_type: str) -> bool:
    """HTML by what the server says, or by its look where it says nothing."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml") or (
        not kind and text.lstrip()[:9].lower() in ("<!doctype", "<html>")
    )


def decoded(content: bytes, content_type: str) -> str:
    """Text by its mark, the header, what HTML says of itself, else UTF-8. What does not fit becomes U+FFFD."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, errors="replace").removeprefix("\ufeff")
    said = _CHARSET.search(content_type)
    inside = _CHARSET_BYTES.search(content[:2048])
    for name in (said.group(1) if said else "", inside.group(1).decode("ascii") if inside else ""):
        if (known := _codec(name)) is not None:
            return content.decode(known, errors="replace")
    return content.decode("utf-8", errors="replace")


def _codec(name: str) -> str | None:
    """A codec from bytes to text that is safe on any input; browsers read Latin-1 as Windows-1252."""
    try:
        known = codecs.lookup(name).name
        b"a".decode(known, errors="replace")  # some codecs do not make text; decoding nothing would not tell
    except (LookupError, ValueError):
        return None
    if known in ("iso8859-1", "ascii"):
        return "cp1252"
    return None if known in _UNSAFE_CODECS else known


def _readable(text: str, url: str, wanted: Format) -> Page:
    from bs4 import BeautifulSoup  # noqa: PLC0415 - start-up: only when a page was fetched

    soup = BeautifulSoup(text[:MAX_HTML], "lxml")
    title = _line(soup.title.get_text()) if soup.title is not None else None
    for node in soup.select(",".join(_DROPPED)):
        node.decompose()
    body = soup.body or soup
    out = _markdown(body, url) if wanted == "markdown" else None
    if out is None:
        blocks = {
            "p",
            "div",
            "li",
            "tr",
            "br",
            "pre",
            "section",
            "article",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "dt",
            "dd",
        }
        for tag in body.find_all(blocks):
            tag.insert_before("\n")
        out = "\n".join(_BLANKS.sub(" ", line).strip() for line in body.get_text().splitlines())
    return Page(text=_EMPTY_LINES.sub("\n\n", out).strip(), title=title, shortened=len(text) > MAX_HTML)


def _markdown(body: object, url: str) -> str | None:
    """Markdown with absolute links and images as their words; None when it is nested too deeply."""
    from bs4 import Tag  # noqa: PLC0415 - as above
    from markdownify import MarkdownConverter  # noqa: PLC0415

    assert isinstance(body, Tag)
    for link in body.find_all("a"):
        _linked(link, url)
    for image in body.find_all("img"):
        image.replace_with(str(image.get("alt") or ""))
    try:
        return MarkdownConverter(heading_style="ATX", bullets="-", code_language="").convert_soup(body)
    except RecursionError:
        return None


def _linked(link: "object", url: str) -> None:
    from bs4 import Tag  # noqa: PLC0415 - as above

    assert isinstance(link, Tag)
    try:
        target = urljoin(url, str(link.get("href") or ""))
    except ValueError:
        target = ""
    if target.startswith(("http://", "https://", "mailto:")) and link.get_text(strip=True):
        for name in [name for name in link.attrs if name != "href"]:
            del link[name]
        link["href"] = target
    else:
        link.unwrap()


def _line(text: str) -> str | None:
    return " ".join(text.split())[:300] or None
