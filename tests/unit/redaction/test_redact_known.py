import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.policy.redaction.redactor import Redactor

SECRET = 'sk-Ä"7/+=\\ z😀9'
PLAIN = "sk-0123456789abcdef"

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": json.dumps,
    "in JSON with its letters kept": lambda s: json.dumps(s, ensure_ascii=False),
    "in JSON in JSON": lambda s: msgspec.json.encode(msgspec.json.encode({"a": s}).decode()).decode(),
    "in hex": lambda s: s.encode().hex(),
    "in upper-case hex": lambda s: s.encode().hex().upper(),
    "in a URL": lambda s: quote(s, safe=""),
    "in a form": lambda s: quote_plus(s).replace("+", "%20"),
    "in base64": lambda s: base64.b64encode(s.encode()).decode(),
    "in URL-safe base64": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "in basic authentication": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "in base64 of more": lambda s: base64.b64encode(f"me:{s}@host".encode()).decode(),
}


@pytest.mark.parametrize("secret", [SECRET, PLAIN])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("padding", [0, 10_000])
def test_a_secret_goes_in_every_form(secret: str, form: str, padding: int) -> None:
    written = FORMS[form](secret)
    content = f"{'.' * padding} before {written} after".encode()
    redacted = Redactor([secret])(content)
    assert b"[redacted:known-secret]" in redacted
    assert redacted.startswith(content[: padding + 8])
    assert redacted.endswith(b" after")
    assert secret.encode() not in redacted


@given(st.text(min_size=8, max_size=40).filter(lambda s: len(s.strip().encode()) >= 8), st.text(max_size=20))
def test_json_stays_json_and_loses_the_secret(secret: str, around: str) -> None:
    inner = msgspec.json.encode([around + secret]).decode()
    content = msgspec.json.encode({"text": around + secret + around, "inner": inner, "number": 1234567890})
    redacted = msgspec.json.decode(Redactor([secret])(content))
    assert secret.strip() not in redacted["text"].replace("[redacted:known-secret]", "\0")
    assert secret.strip() not in msgspec.json.decode(redacted["inner"])[0].replace("[redacted:known-secret]", "\0")


@pytest.mark.parametrize("secret", ["12345678", "namesecret", '","n":1}xx', "\\" * 9, '{"text":"', "u0041u0041"])
@pytest.mark.parametrize("text", ["\namesecret", "\\" * 9, "\\" * 11 + '"', "\x01\x02A"])
def test_what_only_looks_like_a_secret_does_not_break_json(secret: str, text: str) -> None:
    content = msgspec.json.encode({"text": text, "n": 123456789})
    assert msgspec.json.decode(Redactor([secret])(content))["n"] == 123456789


def test_what_holds_no_secret_is_the_same_object() -> None:
    content = b'{"delta":"nothing to see"}'
    assert Redactor([PLAIN])(content) is content
    assert Redactor([])(content) is content


def test_too_short_is_no_secret() -> None:
    assert Redactor(["ollama", " ", ""])(b"ollama  ") == b"ollama  "


def test_the_longer_secret_wins() -> None:
    assert Redactor(["abcdefgh", "abcdefghijkl"])(b"abcdefghijkl") == b"[redacted:known-secret]"
