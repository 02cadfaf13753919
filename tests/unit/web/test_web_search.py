"""Search services: what each is asked, what is made of its answer, and what happens when it gives none."""

import base64
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

import msgspec
import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.network import OPEN, NetworkPolicy
from codewhale.testing.public_peer import dialer_to_peer
from codewhale.testing.socket_server import Received, SocketServer, Wire
from codewhale.workspace.web import search
from codewhale.workspace.web.backends.backend import Backend, Query, Result
from codewhale.workspace.web.exchange import WebRequest
from codewhale.workspace.web.hosts import canonical_host
from codewhale.workspace.web.service import HOSTS, SearchService
from codewhale.workspace.web.urls import parse_web_url
from codewhale.workspace.web.web import Web

DUCKDUCKGO = b"""<html><body><div id="links">
<div class="result results_links results_links_deep result--ad"><h2><a class="result__a" href="https://duckduckgo.com/y.js?ad">Ad</a></h2></div>
<div class="result results_links web-result"><h2 class="result__title">
<a rel="nofollow" class="result__a" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fdocs.example%2Fa%3Fb%3D1&amp;rut=0">The <b>docs</b></a></h2>
<a class="result__snippet" href="#">How to
 <b>use</b> it.</a></div>
<div class="result web-result"><a class="result__a" href="https://plain.example/">Plain</a></div>
</div></body></html>"""
BING = (
    b'<ol id="b_results"><li class="b_ad"><h2><a href="https://ad.example/">Ad</a></h2></li>'
    b'<li class="b_algo"><h2><a href="https://www.bing.com/ck/a?!&amp;p=1&amp;u=a1'
    + base64.urlsafe_b64encode(b"https://docs.example/a?b=1").rstrip(b"=")
    + b'&amp;ntb=1">The docs</a></h2><div class="b_caption"><p>How to use it.</p></div></li>'
    b'<li class="b_algo"><h2><a href="https://plain.example/">Plain</a></h2></li></ol>'
)
BRAVE = b'{"web":{"results":[{"title":"The docs","url":"https://docs.example/a?b=1","description":"How to <strong>use</strong> it."},{"title":"Plain","url":"https://plain.example/"}]}}'
TAVILY = b'{"results":[{"title":"The docs","url":"https://docs.example/a?b=1","content":"How to use it.","score":0.9},{"title":"Plain","url":"https://plain.example/"}]}'
BOCHA = b'{"code":200,"data":{"webPages":{"value":[{"name":"The docs","url":"https://docs.example/a?b=1","snippet":"x","summary":"How to use it."},{"name":"Plain","url":"https://plain.example/","summary":null}]}}}'
SEARXNG = b'{"query":"q","results":[{"title":"The docs","url":"https://docs.example/a?b=1","content":"How to\\n use it.","engine":"x"},{"title":"Plain","url":"https://plain.example/","content":null}]}'
ANSWERS = {"duckduckgo": DUCKDUCKGO, "bing": BING, "brave": BRAVE, "tavily": TAVILY, "bocha": BOCHA, "searxng": SEARXNG}
EXPECTED = [
    Result(title="The docs", url="https://docs.example/a?b=1", snippet="How to use it."),
    Result(title="Plain", url="https://plain.example/", snippet=""),
]


def backend(name: str) -> Backend:
    return import_module(f"codewhale.workspace.web.backends.{name}").BACKEND


@pytest.mark.parametrize("name", HOSTS)
def test_results_are_read_out_of_a_recorded_answer(name: str) -> None:
    assert backend(name).parse(ANSWERS[name]) == EXPECTED


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"{}", b"[]", b"\xff\x00", b'{"results":"x"}', b'{"web":null}', b"{" * 9000]
)
def test_any_other_answer_is_no_results_or_an_error(name: str, content: bytes) -> None:
    with suppress(ToolError):
        assert backend(name).parse(content) == []


def test_a_page_that_wants_to_see_a_person_is_no_empty_result() -> None:
    with pytest.raises(ToolError, match="see a person"):
        backend("duckduckgo").parse(b'<form id="challenge-form"></form>')
    with pytest.raises(ToolError, match="no money"):
        backend("bocha").parse(b'{"code":403,"msg":"no money"}')


@pytest.mark.parametrize("name", HOSTS)
def test_a_service_is_asked_at_its_own_host_with_the_key_in_a_header(name: str) -> None:
    request = backend(name).request(Query(text="a b&c", count=3, key="KEY", url="http://localhost:8080/base/"))
    assert request.url.host.name == (HOSTS[name] or "localhost")
    assert request.redirects == 0
    assert "KEY" not in str(request.url)
    assert "a+b%26c" in request.url.target or msgspec.json.decode(request.body)["query"] == "a b&c"
    assert any("KEY" in value for value in request.headers.values()) == (name in {"brave", "tavily", "bocha"})


def at(peer: SocketServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a service live at the peer."""
    real = backend(name)

    def moved(query: Query) -> WebRequest:
        url = parse_web_url(f"http://{HOSTS[name]}:{peer.port}/{name}")
        return msgspec.structs.replace(real.request(query), url=url)

    module = import_module(f"codewhale.workspace.web.backends.{name}")
    monkeypatch.setattr(module, "BACKEND", msgspec.structs.replace(real, request=moved))


Answering = Callable[[str], tuple[int, bytes]]


async def searched(
    answering: Answering, service: SearchService, monkeypatch: pytest.MonkeyPatch, policy: NetworkPolicy = OPEN
) -> tuple[search.Found, list[str]]:
    async def play(request: Received, wire: Wire) -> None:
        status, body = answering(request.target[1:])
        await wire.answer(body, status=status)

    async with SocketServer(play) as peer:
        for name in service.services:
            at(peer, name, monkeypatch)
        web = Web(policy, service, dialer=dialer_to_peer(*filter(None, HOSTS.values()), policy=policy))
        found = await web.search("q", count=1, seconds=5)
        return found, [request.target[1:] for request in peer.requests]


async def test_as_many_results_as_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = await searched(lambda name: (200, ANSWERS[name]), SearchService(), monkeypatch)
    assert (found.source, found.results, found.message) == ("duckduckgo", (EXPECTED[0],), "")
    assert asked == ["duckduckgo"]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "duckduckgo: no results."),
        (202, b"wait", "duckduckgo: duckduckgo answered with status 202."),
        (200, b"<form id=challenge-form>", "duckduckgo: DuckDuckGo wants to see a person and gave no results."),
    ],
)
async def test_one_keyless_service_stands_in_for_the_other(
    status: int, body: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, asked = await searched(
        lambda name: (status, body) if name == "duckduckgo" else (200, BING), SearchService(), monkeypatch
    )
    assert (found.source, found.message, asked) == ("bing", said, ["duckduckgo", "bing"])


async def test_nothing_found_is_an_answer_and_nothing_heard_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = await searched(lambda _: (200, b"<html>"), SearchService(), monkeypatch)
    assert (found.results, found.message) == ((), "Nothing was found.")


async def test_when_nobody_answers_the_person_is_told_where_to_choose_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolError, match=r"duckduckgo.*503.*bing.*503.*\[search\]"):
        await searched(lambda _: (503, b""), SearchService(), monkeypatch)


async def test_a_chosen_service_has_nobody_standing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    service = SearchService(name="brave", key="KEY")
    with pytest.raises(ToolError, match="did not accept the API key"):
        await searched(lambda _: (401, b"KEY"), service, monkeypatch)


async def test_only_services_that_the_policy_lets_be_asked_are(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = NetworkPolicy(default="deny", allow=("www.bing.com",))
    found, asked = await searched(lambda name: (200, ANSWERS[name]), SearchService(), monkeypatch, policy)
    assert (found.source, asked) == ("bing", ["bing"])


async def test_a_policy_without_a_service_in_it_forbids_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolError, match="network policy"):
        await searched(lambda name: (200, ANSWERS[name]), SearchService(), monkeypatch, NetworkPolicy(default="deny"))


async def test_the_persons_own_instance_may_be_on_this_machine() -> None:
    async def play(request: Received, wire: Wire) -> None:
        assert request.target == "/search?q=q&format=json"
        await wire.answer(SEARXNG)

    async with SocketServer(play) as peer:
        web = Web(OPEN, SearchService(name="searxng", url=peer.url))
        assert web.search_hosts() == {"searxng": "127.0.0.1"}
        assert (await web.search("q", count=5, seconds=5)).results == tuple(EXPECTED)
        with pytest.raises(ToolError, match="Only public hosts"):
            await web.fetch(peer.url, max_bytes=9, seconds=5)


async def test_results_are_cleaned_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = [
        {"title": "a\x1b[31m", "url": "https://a.example/", "content": "x"},
        {"title": "again", "url": "https://A.example/", "content": "x"},
        {"title": "inside", "url": "http://localhost/", "content": "x"},
        {"title": "script", "url": "javascript:alert(1)", "content": "x"},
        {"title": "stuffed", "url": "https://b.example/", "content": "buy " * 30},
    ]
    body = msgspec.json.encode({"results": hits})
    found, _ = await searched(lambda _: (200, body), SearchService(name="tavily", key="k"), monkeypatch)
    assert found.results == (Result(title="a", url="https://a.example/", snippet="x"),)


def test_every_service_has_a_canonical_host() -> None:
    assert all(canonical_host(host).name == host for host in HOSTS.values() if host)
