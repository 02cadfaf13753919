"""Lone surrogates (bytes of a command line that are no UTF-8, half an emoji) are replaced; everything else is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.errors import ConfigError
from codewhale.domain.text import is_whole, whole, whole_fields

ANY = st.text(st.characters() | st.characters(categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("größer 🐋", "größer 🐋"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\ufffd"),
        ("half \ud83d of it", "half \ufffd of it"),
        ("a pair \ud83d\udc0b", "a pair 🐋"),
        ("\udc0b\ud83d", "\ufffd\ufffd"),
    ],
)
def test_what_cannot_be_encoded_is_replaced(text: str, kept: str) -> None:
    assert whole(text) == kept


@given(ANY)
def test_the_result_can_be_encoded_and_whole_text_is_untouched(text: str) -> None:
    assert is_whole(whole(text))
    assert whole(whole(text)) == whole(text)
    assert (whole(text) is text) == is_whole(text)


def test_every_text_field_of_a_command_is_made_whole() -> None:
    assert whole_fields(TurnInput(prompt="\ud83dx", model="m\udc80", max_steps=3)) == TurnInput(
        prompt="\ufffdx", model="m\ufffd", max_steps=3
    )
    sound = NewThread(title="ok", archived=True)
    assert whole_fields(sound) is sound


@pytest.mark.parametrize(
    ("message", "hint", "text"),
    [
        ("there is no provider 'x'", "known are a, b", "there is no provider 'x'. Known are a, b"),
        ("No API key for x.", "Set X_KEY.", "No API key for x. Set X_KEY."),
        ("Is the server running?", "`codewhale doctor` tells", "Is the server running? `codewhale doctor` tells"),
        ("Nothing can be done.", None, "Nothing can be done."),
    ],
)
def test_an_error_and_what_to_do_are_sentences_of_one_text(message: str, hint: str | None, text: str) -> None:
    assert ConfigError(message, hint=hint).in_full() == text
