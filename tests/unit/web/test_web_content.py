"""What a page says: kinds, characters, Markdown and text, fields of JSON; whatever a stranger sends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codewhale.domain.errors import ToolError
from codewhale.workspace.web.content import MAX_HTML, decoded, page
from codewhale.workspace.web.forms import Format
from codewhale.workspace.web.jsonpath import picked

HTML = b"""<!doctype html><html><head><title> A  page </title><style>p{}</style></head><body>
<script>alert(1)</script><noscript>no</noscript><h1>Head</h1><p>One <b>bold</b> <a href="/x?y">link</a>
<a href="javascript:alert(1)">bad</a> <a href="//b.example/z">far</a><img src="http://sink/?d=1" alt="picture"></p>
<ul><li>a<li>b</ul><pre>code
  kept</pre><table><tr><th>h</th></tr><tr><td>c</td></tr></table><svg><text>no</text></svg></body></html>"""

MARKDOWN = """# Head

One **bold** [link](https://a.example/x?y)
bad [far](https://b.example/z)picture

- a
- b

```
code
  kept
```

| h |
| --- |
| c |"""

TEXT = "Head\nOne bold link\nbad far\n\na\nb\ncode\nkept\nh\nc"


def shown(content: bytes, kind: str = "text/html", wanted: Format = "markdown") -> str:
    got = page(content, kind, "https://a.example/b/", wanted)
    assert got is not None
    return got.text


def test_html_as_markdown_has_absolute_links_and_no_script() -> None:
    got = page(HTML, "text/html; charset=utf-8", "https://a.example/b/", "markdown")
    assert got is not None
    assert (got.text, got.title, got.shortened) == (MARKDOWN, "A page", False)


def test_html_as_text_is_its_words() -> None:
    assert shown(HTML, wanted="text") == TEXT


def test_raw_is_what_came() -> None:
    assert shown(HTML, wanted="raw") == HTML.decode()


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ("grün".encode(), "text/plain", "grün"),
        ("grün".encode("latin-1"), "text/plain; charset=ISO-8859-1", "grün"),
        (b"\x93q\x94", "text/plain; charset=latin-1", "“q”"),
        ("grün".encode("utf-16"), "text/plain", "grün"),
        (b"\xef\xbb\xbfx", "text/plain; charset=latin-1", "x"),
        ("密".encode("gbk"), "text/plain;charset='GBK'", "密"),
        (b"<meta charset=gbk>" + "密".encode("gbk"), "text/plain", "<meta charset=gbk>密"),
        (b"gr\xfcn", "text/plain", "gr\ufffdn"),
        *((b"abc", f"text/plain; charset={bad}", "abc") for bad in ("nonsense", "hex", "zlib", "idna", "unicode_escape", "rot13")),
        (b'{"a":1}', "application/json", '{"a":1}'),
        (b"<a/>", "application/atom+xml", "<a/>"),
        (b"x", "", "x"),
    ],
)  # fmt: skip
def test_characters_are_those_the_page_was_written_in(content: bytes, kind: str, text: str) -> None:
    assert shown(content, kind, "raw") == text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG", "image/png"),
        (b"a\x00b", "text/plain"),
        (b"x", "application/octet-stream"),
        (b"PK", "application/zip"),
    ],
)
def test_what_is_no_text_is_not_shown(content: bytes, kind: str) -> None:
    assert page(content, kind, "https://a.example/", "raw") is None


@pytest.mark.parametrize(
    "content",
    [b"<div>" * 9_000, b"<ul><li>" * 3_000, b"<a " * 9_000, b"<!--" * 9_000, b"<![" * 9_000, b"</" * 9_000, b"<b>x" * 2_000, b"&#" * 9_000,
     b"<table><tr><td>" * 2_000, b"<" * 60_000, b"<svg><style>" * 9_000, b"\x01\x02<p>\xff"],
    ids=lambda content: content[:12].decode("latin-1"),
)  # fmt: skip
@pytest.mark.parametrize("wanted", ["markdown", "text"])
def test_hostile_html_ends(content: bytes, wanted: Format) -> None:
    assert len(shown(content, "text/html", wanted)) <= 2 * len(content)


def test_html_is_converted_up_to_a_limit_and_says_so() -> None:
    got = page(b"<p>x</p><!--" + b"y" * MAX_HTML + b"-->", "text/html", "https://a.example/", "markdown")
    assert got is not None
    assert (got.text, got.shortened) == ("x", True)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(["text/html", "text/html; charset=utf-16", "", "text/plain; charset=utf-7"]),
)
def test_any_bytes_become_text_or_nothing(content: bytes, kind: str) -> None:
    for wanted in ("markdown", "text", "raw"):
        page(content, kind, "https://a.example/", wanted)
    assert isinstance(decoded(content, kind), str)


DOCUMENT = {"a": [{"n": 1, "x y": 2}, {"n": 3}], "b": {"n": 4}, "*": 5}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.a[0].n", 1),
        ("a[1].n", 3),
        ("$.a[-1].n", 3),
        ("$.a[7].n", None),
        ("$.a[*].n", [1, 3]),
        ("$['a'][0][\"x y\"]", 2),
        ("$['*']", 5),
        ("$.b.*", [4]),
        ("$..n", [1, 3, 4]),
        ("$.b.n.c", None),
    ],
)
def test_fields_are_picked_by_path(path: str, value: object) -> None:
    assert picked(DOCUMENT, path) == value


@pytest.mark.parametrize("path", ["$.", "$[", "$[?(@.a)]", "$.a[1:2]", "$ .a", "a b"])
def test_a_path_that_is_not_understood_is_an_error(path: str) -> None:
    with pytest.raises(ToolError, match="is not a JSONPath"):
        picked(DOCUMENT, path)
