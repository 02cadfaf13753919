"""One spelling for every host, and which addresses count as public."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.errors import ToolError
from codewhale.domain.network import NetworkPolicy, host_verdict
from codewhale.workspace.web.addresses import address_problem
from codewhale.workspace.web.hosts import canonical_host, canonical_rule
from codewhale.workspace.web.urls import joined, parse_web_url

INSIDE = (
    "0.0.0.0 0.1.2.3 10.1.1.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 "
    "192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 "
    "255.255.255.255 168.63.129.16 :: ::1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 ::10.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 100::1 2001:0:7f00:1:: "
    "2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:a00:1:: 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 "
    "fe80::1%eth0 fec0::1 ff02::1 4000::1 2606:4700::5efe:a00:1 nonsense"
)
PUBLIC = "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 198.20.0.1 2606:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM", "example.com"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("ＥＸＡＭＰＬＥ.com", "example.com"),
        ("8.8.8.8", "8.8.8.8"),
        ("[2606:4700:0:0::1111]", "2606:4700::1111"),
        ("under_score.example", "under_score.example"),
    ],
)
def test_hosts_have_one_spelling(text: str, name: str) -> None:
    assert canonical_host(text).name == name


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", "a.b.", "-a.b", "a-.b", "a b", "a\tb", "a\r\nb", "a\x00b", "a%62", "a/b", "a\\b", "a@b", "[::1", "::1]", "1.2.3",
     "1.2.3.4.5", "0x1", "1.2.3.0x4", "256.1.1.1", "01.2.3.4", "[1.2.3.4]", "[::1%1]", "a" * 64 + ".b", "a." * 130 + "b", "a\u200b.b\u2044c"],
)  # fmt: skip
def test_what_two_programs_could_read_differently_is_no_host(text: str) -> None:
    with pytest.raises(ToolError):
        canonical_host(text)


@given(st.text(max_size=40))
def test_a_canonical_host_is_its_own_canonical_form(text: str) -> None:
    try:
        host = canonical_host(text)
    except ToolError:
        return
    again = f"[{host.name}]" if ":" in host.name else host.name
    assert canonical_host(again) == host
    assert host.name.isascii()
    assert host.name == host.name.lower()
    assert not set(host.name) & set(" \r\n\0/\\%@#?[]")


@given(st.text(max_size=60))
def test_a_url_that_is_taken_reads_the_same_again(text: str) -> None:
    for candidate in (text, f"http://{text}", f"https://host.example/{text}"):
        try:
            url = parse_web_url(candidate)
        except ToolError:
            continue
        assert parse_web_url(str(url)) == url
        assert str(url).isascii()


def test_redirects_are_relative_to_where_they_come_from() -> None:
    base = parse_web_url("https://a.example/b/c?d")
    assert [str(joined(base, to)) for to in ("e", "/e", "?x", "//b.example/e", "http://c.example", "ü#f")] == [
        "https://a.example/b/e",
        "https://a.example/e",
        "https://a.example/b/c?x",
        "https://b.example/e",
        "http://c.example/",
        "https://a.example/b/%C3%BC",
    ]


@pytest.mark.parametrize(
    "address",
    INSIDE.split(),
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert address_problem(address) is not None


@pytest.mark.parametrize(
    "address",
    PUBLIC.split(),
)
def test_addresses_that_are_public(address: str) -> None:
    assert address_problem(address) is None


@pytest.mark.parametrize(
    ("policy", "host", "verdict"),
    [
        (NetworkPolicy(), "a.example", "prompt"),
        (NetworkPolicy(default="allow"), "a.example", "allow"),
        (NetworkPolicy(default="deny", allow=("a.example",)), "a.example", "allow"),
        (NetworkPolicy(default="deny", allow=("a.example",)), "b.a.example", "deny"),
        (NetworkPolicy(default="deny", allow=(".a.example",)), "b.a.example", "allow"),
        (NetworkPolicy(default="deny", allow=(".a.example",)), "a.example", "deny"),
        (NetworkPolicy(default="deny", allow=(".a.example",)), "xa.example", "deny"),
        (NetworkPolicy(default="deny", allow=("a.example",)), "a.example.evil", "deny"),
        (NetworkPolicy(default="allow", allow=("a.example",), deny=("a.example",)), "a.example", "deny"),
        (NetworkPolicy(allow=("b.a.example",), deny=(".a.example",)), "b.a.example", "deny"),
    ],
)
def test_a_deny_wins_and_a_dot_means_subdomains_only(policy: NetworkPolicy, host: str, verdict: str) -> None:
    assert host_verdict(policy, host)[0] == verdict


def test_rules_are_spelt_as_hosts_are() -> None:
    assert [canonical_rule(text) for text in ("A.example", "*.A.example", ".ü.example", "[::1]", "127.0.0.1")] == [
        "a.example",
        ".a.example",
        ".xn--tda.example",
        "::1",
        "127.0.0.1",
    ]
    for text in ("*", ".", "*.8.8.8.8", "a.*.b", "https://a.example"):
        with pytest.raises(ToolError):
            canonical_rule(text)
