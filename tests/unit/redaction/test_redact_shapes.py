"""What counts as a secret by its shape, and what does not although it looks a little like one."""

import base64
import json

import msgspec
import pytest

from codewhale.policy.redaction.redactor import Redactor
from codewhale.policy.redaction.shapes import IDS, SHAPES, custom

REDACT = Redactor()

KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33XpTDVW\n" * 20
    + "-----END RSA PRIVATE KEY-----"
)
LOCKED = KEY.replace("KEY-----\nMII", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0F3A\n\nMII", 1)
JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890","name":"J"}', b"\x8f" * 32)
)

SECRETS: list[tuple[str, str]] = [
    ("private-key", KEY),
    ("private-key", LOCKED),
    ("private-key", KEY.replace("\n", "\\n")),
    ("private-key", KEY.replace("RSA ", "").replace("\n", "\n    ")),
    ("provider-key", "sk-proj-T3BlbkFJabcdefghijkl0123456789"),
    ("provider-key", "sk-ant-api03-AbCdEf0123456789AbCdEf0123456789-xyz"),
    ("provider-key", "gsk_0123456789abcdefghijABCDEFGHIJ"),
    ("aws-access-key", "AKIAIOSFODNN7ABCDEFG"),
    ("github-token", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
    ("github-token", "github_pat_11ABCDEFG0abcdefghijkl_0123456789"),
    ("gitlab-token", "glpat-AbCdEf0123456789_-xy"),
    ("slack-token", "xoxb-123456789012-123456789012-AbCdEf0123456789"),
    ("slack-token", "hooks.slack.com/services/T00000000/B00000000/AbCdEf0123456789"),
    ("google-key", "AIzaSyA-0123456789abcdefghijABCDEFGHIJ0"),
    ("google-token", "GOCSPX-0123456789abcdefghij"),
    ("stripe-key", "sk_live_0123456789abcdefABCDEF"),
    ("npm-token", "npm_0123456789abcdefghijABCDEFGHIJ012345"),
    ("pypi-token", "pypi-AgEIcHlwaS5vcmcCJDAxMjM0NTY3"),
    ("jwt", JWT),
]

AFTER: list[tuple[str, str, str]] = [
    ("authorization", "Authorization: Basic ", "dXNlcjpodW50ZXIyLTEyMw=="),
    ("authorization", "curl -H 'authorization: Bearer ", "abc123.def456-ghi789"),
    ("authorization", "Bearer ", "0123456789abcdef0123"),
    ("url-password", "postgres://app:", "hunter2-is-1ong"),
    ("password", "PGPASSWORD=", "Tr0ub4dor!3"),
    ("password", '"password": "', "correct-h0rse!"),
    ("password", "passwd: ", "hunter2x"),
    ("secret-value", "aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPL3KE"),
    ("secret-value", "API_KEY=", "9f86d081884c7d659a2feaa0c55ad015"),
    ("secret-value", "export STRIPE_TOKEN='", "Zx81kPq0Lm55Rt"),
    ("key-value", "key=", "q7Xv0pTz9LmR4cYw1NbK8sJd"),
]

ORDINARY = [
    "commit 0123456789abcdef0123456789abcdef01234567",
    "key=0123456789abcdef0123456789abcdef01234567",
    "token_id: 123e4567-e89b-12d3-a456-426614174000",
    "secret = thr_0123456789abcdef",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "token = get_token_from_environment2()",
    "token = os.environ['API_TOKEN']",
    "password: str = field(default='')",
    "password = getpass.getpass()",
    "API_KEY=your-api-key-0123456789",
    "api_key = <your key here 123>",
    "key: src/app1/views2/config3.yaml",
    "max_tokens=4096, input_tokens: 123456789012",
    "the key = value pairs of section 12345678",
    "sk-circle-fade-dot and sk-learn-contributions",
    "tokenizer = gpt2-medium-v2-00000001",
    "https://example.com:8080/path@2x.png?a=b@c",
    "git@github.com:user/repo.git and https://user@host/x",
    "-----BEGIN PRIVATE KEY----- is how such a file begins.",
    "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33\n-----END CERTIFICATE-----",
    "Bearer authentication is used by most servers",
    "a task-0123456789abcdefghij of ours",
    'monkey="banana0123456789abcdefghij"',
    "eyJ is how base64 of JSON begins: eyJhIjoxfQ==",
    "cache key: 5f4dcc3b5aa765d61d8327deb882cf99",
    'msgspec.json.encode({"key": "turn_0123456789abcdef"})',
    "def encode_secret(value: str) -> bytes: ...",
]


@pytest.mark.parametrize(("kind", "secret"), SECRETS)
@pytest.mark.parametrize("around", ["{}", "before {} after", '"{}"', "x={}\n", "({}),"])
def test_a_secret_by_its_shape(kind: str, secret: str, around: str) -> None:
    safe = REDACT.text(around.format(secret))
    assert secret not in safe
    assert f"[redacted:{kind}]" in safe or "x={}" in around
    assert REDACT.text(safe) is safe


@pytest.mark.parametrize(("kind", "before", "secret"), AFTER)
def test_a_secret_by_what_stands_before_it(kind: str, before: str, secret: str) -> None:
    rest = "@db.example/x" if kind == "url-password" else '" and more'
    assert REDACT.text(f"{before}{secret}{rest}") == f"{before}[redacted:{kind}]{rest}"


@pytest.mark.parametrize("text", ORDINARY)
def test_what_only_looks_like_a_secret(text: str) -> None:
    assert REDACT.text(text) is text
    assert REDACT(text.encode()) == text.encode()


@pytest.mark.parametrize(("kind", "secret"), SECRETS)
def test_secrets_inside_json_and_inside_json_in_json(kind: str, secret: str) -> None:
    del kind
    once = msgspec.json.encode({"a": secret, "n": 1.5})
    twice = msgspec.json.encode({"arguments": once.decode()})
    for content in (once, twice):
        safe = REDACT(content)
        assert secret not in json.loads(safe).get("a", "")
        assert secret[12:40] not in safe.decode()
    assert msgspec.json.decode(REDACT(once))["n"] == 1.5


def test_a_field_may_be_given_away_by_its_name() -> None:
    content = msgspec.json.encode({"tool": "http", "input": {"password": "Tr0ub4dor&3", "page": "Tr0ub4dor&3"}})
    assert msgspec.json.decode(REDACT(content))["input"] == {"password": "[redacted:password]", "page": "Tr0ub4dor&3"}


def test_a_shape_can_be_switched_off_and_another_added() -> None:
    own = custom("acme", "acme_[A-Za-z0-9]{12,}")
    assert own is not None
    redact = Redactor(shapes=[*(s for s in SHAPES if s.id != "npm-token"), own])
    npm = "npm_0123456789abcdefghijABCDEFGHIJ012345"
    assert redact.text(f"{npm} acme_abc123abc123") == f"{npm} [redacted:acme]"


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "acme_.*", "[a-z]{20,}", "ab[a-z]{3,}", "acme_[a-z]+", "acme_([a-z]{3,})", "acme_[z-a]{3,}"]
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    assert custom("x", pattern) is None


def test_the_ids_are_told_apart() -> None:
    assert len(set(IDS)) == len(IDS) == len(SHAPES)
