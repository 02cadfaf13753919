"""What a refusal means, what it is allowed to show, and how long it asks to wait."""

import ast
from pathlib import Path

import pytest

import codewhale
from codewhale.llm.errors import Endpoint, clean, from_event, from_response, not_a_model, read_complaint

ENDPOINT = Endpoint(
    provider="acme", url="https://api.acme.test/v1/chat/completions", model="m-1", key_env=("ACME_KEY",)
)


def category(status: int, body: str) -> str:
    return from_response(status, (), body.encode(), ENDPOINT).category


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, '{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}', "context_length"),
        (400, '{"error":{"code":"context_length_exceeded","message":"x"}}', "context_length"),
        (400, '{"error":{"message":"prompt is too long"}}', "context_length"),
        (413, "Request too long", "context_length"),
        (400, '{"error":{"message":"Content Exists Risk"}}', "content_policy"),
        (400, '{"error":{"code":"content_policy_violation"}}', "content_policy"),
        (403, '{"error":{"message":"flagged by moderation"}}', "content_policy"),
        (400, '{"error":{"message":"Model not exist"}}', "model_not_found"),
        (404, '{"error":{"message":"The model `x` does not exist"}}', "model_not_found"),
        (404, "404 page not found", "invalid_request"),
        (400, '{"error":{"message":"request quota used up, retry"}}', "rate_limit"),
        (400, '{"error":{"message":"tools[0].name is invalid"}}', "invalid_request"),
        (422, '{"detail":[{"msg":"field required"}]}', "invalid_request"),
        (401, "", "authentication"),
        (402, '{"error":{"message":"Insufficient Balance"}}', "quota"),
        (403, "", "authorization"),
        (407, "", "authentication"),
        (408, "", "timeout"),
        (429, "", "rate_limit"),
        (429, '{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}', "quota"),
        (500, "", "server"),
        (502, "<html>Bad gateway</html>", "server"),
        (503, "", "overloaded"),
        (504, "", "timeout"),
        (529, "", "overloaded"),
        (418, "", "invalid_request"),
        (304, "", "protocol"),
    ],
)
def test_status_and_words_give_the_category(status: int, body: str, expected: str) -> None:
    error = from_response(status, (), body.encode(), ENDPOINT)
    assert (error.category, error.status) == (expected, status)
    assert error.hint


def test_the_hint_names_the_variable_to_set() -> None:
    error = from_response(401, (), b"", ENDPOINT)
    assert error.hint == "The key was refused. Set ACME_KEY to a valid key for acme."


DATE = ("date", "Sun, 06 Nov 1994 08:49:37 GMT")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((("retry-after", "2"),), 2.0),
        ((("retry-after", "0.5"),), 0.5),
        ((("retry-after", "-5"),), 0.0),
        ((("retry-after", "1000000000"),), 86400.0),
        ((("retry-after", "inf"),), 86400.0),
        ((("retry-after", "nan"),), None),
        ((("retry-after", "soon"),), None),
        ((), None),
        ((("retry-after-ms", "1500"), ("retry-after", "9")), 1.5),
        ((DATE, ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")), 30.0),
        ((DATE, ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")), 0.0),
        ((DATE, ("retry-after", "Tue, 29 Feb 2000 00:00:00 GMT")), 86400.0),
        ((("retry-after", "Sun, 06 Foo 1994 08:00:00 GMT"),), None),
        ((("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"),), 0.0),
    ],
)
def test_retry_after_is_read_and_clamped(headers: tuple[tuple[str, str], ...], seconds: float | None) -> None:
    assert from_response(429, headers, b"", ENDPOINT).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error":{"message":"a","type":"t"}}', "a", "t"),
        (b'{"error":{"message":"a","type":"t","code":7}}', "a", "7"),
        (b'{"error":"a","code":"c"}', "a", "c"),
        (b'{"message":"a"}', "a", ""),
        (b'{"detail":"a"}', "a", ""),
        (b'[{"error":{"message":"a"}}]', "a", ""),
        (b'"a"', "a", ""),
        (b"plain a", "plain a", ""),
        (b'{"error":null,"message":"a"}', "a", ""),
        (b"", "", ""),
        (b'{"error":{"message":"\xff"}}', '{"error":{"message":"\ufffd"}}', ""),
        (b"[" * 50_000, "[" * 50_000, ""),
    ],
)
def test_every_shape_of_error_body_is_read(body: bytes, message: str, code: str) -> None:
    complaint = read_complaint(body)
    assert (complaint.message, complaint.code) == (message, code)


def test_an_error_event_uses_its_code_as_status() -> None:
    error = from_event(b'{"error":{"message":"busy","code":503}}', ENDPOINT)
    assert (error.category, error.status, error.message) == ("overloaded", 503, "acme reported an error: busy")


def test_excerpts_are_one_clean_bounded_line_without_the_key() -> None:
    assert clean("a\n\x1b[2Jb\u202esk-1", "sk-1") == "a [2Jb ***"
    assert clean("x" * 1000, None, 10) == "x" * 9 + "…"


def test_a_page_instead_of_an_answer_says_where_to_look() -> None:
    error = not_a_model(200, "text/html", b"<html>\n<b>Log in</b>", ENDPOINT)
    assert error.message == (
        "https://api.acme.test/v1/chat/completions did not answer like a model API (text/html): <html> <b>Log in</b>"
    )


def test_every_failure_of_a_model_call_says_what_to_do() -> None:
    calls = [
        (path.name, node.lineno, {keyword.arg for keyword in node.keywords})
        for path in (Path(codewhale.__file__).parent / "llm").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ProviderError"
    ]
    assert len(calls) > 20
    assert [(name, line) for name, line, given in calls if "hint" not in given] == []
