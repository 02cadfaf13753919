"""Redaction as laws: pieces add up to the whole, twice is once, and no text takes longer than in proportion to its length."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.policy.redaction.judge import compiled
from codewhale.policy.redaction.redactor import HELD, Redactor
from codewhale.policy.redaction.shapes import SHAPES

KNOWN = ["hunter2 and a blank", "s3cr3t-value-0001"]
REDACT = Redactor(KNOWN)

WORDS = st.sampled_from(
    [
        *KNOWN,
        *[begin for shape in SHAPES for begin in shape.begins],
        *["password", "api_key", "token", "KEY", "secret", "Authorization", "Bearer", "basic"],
        *["=", ": ", '": "', " ", "\n", "\\n", "://", "@", ":", ".", "-", "_", '"', "'", "[redacted:jwt]", "é", "user"],
        *["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "MIIEpAIBAAKCAQEAx4UbaDzY", "Proc-Type: 4,ENC"],
        *["0123456789abcdef", "AbCdEf0123456789AbCdEf0123456789", "eyJhbGciOiJIUzI1NiJ9", "T3BlbkFJ", "x", "7"],
        *["s3cr3t-value-", "hunter2 and", "aHVudGVyMiBhbmQgYSBibGFuaw", "733363723374", "0123456789ABCDEF"],
    ]
)
TEXTS = st.lists(WORDS, max_size=14).map("".join)


def streamed(pieces: list[str]) -> str:
    stream = REDACT.stream()
    return "".join([*(stream.feed(piece) for piece in pieces), stream.end()])


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
def test_the_pieces_add_up_to_the_redacted_whole(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert streamed([text[a:b] for a, b in pairwise(places)]) == REDACT.text(text)


@given(TEXTS)
def test_one_character_at_a_time_is_no_way_around(text: str) -> None:
    assert streamed(list(text)) == REDACT.text(text)


@given(TEXTS)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    safe = REDACT.text(text)
    assert REDACT.text(safe) == safe
    assert not any(secret in safe for secret in KNOWN)


@given(TEXTS)
def test_text_goes_on_once_it_can_be_no_secret(text: str) -> None:
    stream = REDACT.stream()
    said = stream.feed(text)
    assert said + stream.feed("\n\n ! ! ! \n\n") + stream.end() == REDACT.text(text + "\n\n ! ! ! \n\n")


def test_nothing_is_held_for_ever() -> None:
    stream = REDACT.stream()
    said = [stream.feed("sk-" + "a1B2" * 300) for _ in range(100)]
    assert "".join(said) == "[redacted:provider-key]"
    assert stream.feed(" and on. ") == " and on. "
    stream = REDACT.stream()
    said = [stream.feed("word" * 100) for _ in range(100)]
    assert sum(map(len, said)) > 40_000 - HELD


EVIL = [
    *["a", "sk-", "eyJ-", "eyJa.", "token=", "token_", "password ", "://", "://a:", "Bearer ", "key-", "AIza-", "AKIA"],
    *[
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nA: b\n",
        "authorization: ",
        "api_key: '",
        "\\n",
        "\n",
    ],
]


def steps(pattern: str, text: str) -> int:
    """How many characters a search looks at, by halves: matching what is cut shorter must find the same beginnings."""
    return sum(match.end() - match.start() for match in compiled(pattern).finditer(text))


@pytest.mark.parametrize("evil", EVIL)
def test_no_pattern_starts_over_and_over(evil: str) -> None:
    text = evil * (100_000 // len(evil)) + "!"
    for shape in SHAPES:
        assert steps(shape.whole, text) <= len(text)
    assert REDACT.text(text) is not None
    streamed([text[at : at + 1024] for at in range(0, len(text), 1024)])


def test_patterns_repeat_nothing_that_repeats() -> None:
    repeats = re.compile(r"[*+}](?<![*+}]\+)\)[*+{](?!\+)")
    nested = [
        (shape.id, found[0])
        for shape in SHAPES
        for p in (shape.whole, shape.open or "")
        if (found := repeats.search(p))
    ]
    assert nested == []
