"""What secrets look like: one row per kind, with its id, what finds it and what judges it.

Every pattern is linear: a fixed beginning, then one character class, nothing nested and nothing that starts over. `open`
tells whether the end of a text could be the beginning of a secret: it may say so too often, never too seldom.
"""

import re
from collections.abc import Callable

from msgspec import Struct

from codewhale.policy.redaction import judge

Judge = Callable[[str], bool]


class Shape(Struct, frozen=True, kw_only=True):
    """One kind of secret. `whole` matches from one of the `hints` on, which are in lower case; its group `v` is what goes
    and `body` what `judge` is asked about. `open` matches an unfinished one up to the end of the text; without it the shape is
    one word that begins with one of `begins`. From a hint on it has at least `least` characters: shorter texts are not looked
    at closer."""

    id: str
    means: str
    hints: tuple[str, ...]
    whole: str
    judge: Judge
    begins: tuple[str, ...] = ()
    open: str | None = None
    least: int = 0


def word_shape(id: str, means: str, begins: tuple[str, ...], rest: str, judge: Judge = judge.token) -> Shape:
    """A secret that is one word: one of `begins`, then `rest`."""
    either = "|".join(re.escape(b) for b in begins)
    return Shape(
        id=id,
        means=means,
        hints=tuple(b.lower() for b in begins),
        whole=rf"(?<![A-Za-z0-9])(?P<v>(?:{either})(?P<body>{rest}))",
        judge=judge,
        begins=begins,
    )


_NAMES = (
    r"(?i:secret|token|credentials?|(?:(?<=api)|(?<=api[_-])|(?<=private[_-])|(?<=access[_-])|(?<=account[_-])"
    r"|(?<=auth[_-])|(?<=signing[_-])|(?<=encryption[_-]))key)"
)
_PASSWORDS = r"(?i:passw(?:or)?d|passphrase|pwd)"
_TAIL = r"(?:[_-][A-Za-z0-9_-]{0,24})?(?![A-Za-z0-9])"
_SIGN = r"\\?[\"']?[ \t]{0,3}(?::=|=>|[:=])[ \t]{0,3}\\?[\"']?"
_VALUE = r"[^\s\"'`,;&<>(){}\[\]$\\]"
_OPEN_SIGN = r"(?:[_-][A-Za-z0-9_-]{0,24})?\\?(?:[\"'][ \t]{0,3}|[ \t]{1,3})?(?:(?::=?|=>?)[ \t]{0,3}(?:\\?[\"']?"
_HEAD = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_LINES = r"(?:[\r\n]++[ \t]*+|\\[nr])*+(?:[A-Za-z][A-Za-z-]{1,30}: [^\r\n\"]{0,200}[\r\n]++)*+"
_BODY = r"(?:[A-Za-z0-9+/=]++|[\r\n]++[ \t]*+|\\[nr])*+"


def _assigned(id: str, means: str, names: str, hints: tuple[str, ...], judge: Judge, least: int) -> Shape:
    return Shape(
        id=id,
        means=means,
        hints=hints,
        whole=rf"{names}{_TAIL}{_SIGN}(?P<v>(?P<body>{_VALUE}{{{least},}}))",
        judge=judge,
        open=rf"{names}{_OPEN_SIGN}{_VALUE}*+)?)?\Z",
        least=min(map(len, hints)) + 1 + least,
    )


SHAPES: tuple[Shape, ...] = (
    Shape(
        id="private-key",
        means="private keys between BEGIN and END lines",
        hints=("-----begin ",),
        whole=rf"(?P<v>{_HEAD}(?P<body>{_LINES}{_BODY})(?:-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----)?)",
        judge=lambda body: len(body) >= 24,
        open=r"-----BEGIN [A-Z0-9 ]{0,60}(?:-{1,4}|-----"
        + _LINES
        + r"(?:[A-Za-z][A-Za-z-]{0,30}(?:: ?[^\r\n\"]{0,200})?|"
        + _BODY
        + r"(?:\\|-{1,5}|-----E[A-Z0-9 ]{0,60}-{0,5})?))?\Z",
    ),
    word_shape(
        "provider-key",
        "keys of model providers (sk-…, sk-ant-…, gsk_…, xai-…, hf_…, pplx-…, r8_…)",
        ("sk-", "gsk_", "xai-", "hf_", "pplx-", "r8_", "dst_", "cwrt_"),
        r"[A-Za-z0-9_-]{16,}",
    ),
    word_shape(
        "aws-access-key",
        "access key ids of AWS",
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        r"[A-Z0-9]{16}(?![A-Za-z0-9])",
        judge.anything,
    ),
    word_shape(
        "github-token",
        "tokens of GitHub",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"[A-Za-z0-9_]{20,}",
        judge.anything,
    ),
    word_shape(
        "gitlab-token",
        "tokens of GitLab",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glagent-"),
        r"[A-Za-z0-9_.-]{20,}",
        judge.anything,
    ),
    word_shape(
        "slack-token",
        "tokens and webhook addresses of Slack",
        ("xoxb-", "xoxp-", "xoxa-", "xoxo-", "xoxr-", "xoxs-", "xoxe-", "xoxe.", "xapp-", "hooks.slack.com/services/"),
        r"[A-Za-z0-9./-]{12,}",
        judge.numbered,
    ),
    word_shape("google-key", "API keys of Google", ("AIza",), r"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", judge.anything),
    word_shape(
        "google-token",
        "OAuth tokens and secrets of Google",
        ("ya29.", "GOCSPX-"),
        r"[A-Za-z0-9_-]{20,}",
        judge.anything,
    ),
    word_shape(
        "stripe-key",
        "keys of Stripe",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
        r"[A-Za-z0-9]{16,}",
        judge.anything,
    ),
    word_shape("npm-token", "tokens of npm", ("npm_",), r"[A-Za-z0-9]{30,}", judge.anything),
    word_shape("pypi-token", "tokens of PyPI", ("pypi-",), r"[A-Za-z0-9_-]{16,}"),
    Shape(
        id="jwt",
        means="JSON web tokens",
        hints=("eyj",),
        whole=r"(?<![A-Za-z0-9_-])(?P<v>(?P<body>eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,}+[A-Za-z0-9_.-]*+))",
        judge=judge.anything,
        begins=("eyJ",),
    ),
    Shape(
        id="authorization",
        means="what follows `Authorization:` or `Bearer`",
        hints=("authorization", "bearer"),
        whole=r"(?:(?i:authorization)\\?[\"']?[ \t]{0,3}[:=][ \t]{0,3}\\?[\"']?(?:[A-Za-z]{3,12}[ \t]{1,3})?"
        r"|(?<![A-Za-z0-9])(?i:bearer)[ \t]{1,3})(?P<v>(?P<body>[A-Za-z0-9._~+/=-]{12,}))",
        judge=judge.bearer,
        open=r"(?:(?i:authorization)\\?[\"']?(?:[ \t]{1,3}|[ \t]{0,3}[:=][ \t]{0,3}\\?[\"']?(?:[A-Za-z]{3,12}[ \t]{1,3})?"
        r"[A-Za-z0-9._~+/=-]*+)?|(?i:bearer)(?:[ \t]{1,3}[A-Za-z0-9._~+/=-]*+)?)\Z",
    ),
    Shape(
        id="url-password",
        means="the password in an address (scheme://user:password@host)",
        hints=("://",),
        whole=r"(?<=[A-Za-z0-9])://[^\s/:@\"'<>`]{0,128}:(?P<v>(?P<body>[^\s/@\"'<>`]{3,256}))@",
        judge=judge.password,
        open=r"(?<=[A-Za-z0-9])(?::|:/|://[^\s/:@\"'<>`]{0,128}(?::[^\s/@\"'<>`]{0,256})?)\Z",
    ),
    _assigned(
        "password",
        "values after `password=` and its like",
        _PASSWORDS,
        ("passw", "passphrase", "pwd"),
        judge.password,
        6,
    ),
    _assigned(
        "secret-value",
        "random-looking values after `api_key=`, `token=`, `secret=` and their like",
        _NAMES,
        ("key", "secret", "token", "credential"),
        judge.key,
        12,
    ),
    _assigned(
        "key-value", "long random values after a bare `key=`", r"(?<![A-Za-z])(?i:key)", ("key",), judge.bare_key, 20
    ),
)

IDS: tuple[str, ...] = tuple(shape.id for shape in SHAPES)

_CUSTOM = (
    r"(?P<begin>[A-Za-z0-9_.:-]{3,32})"
    r"(?P<rest>(?:\[[^\[\]^\\]{1,60}\]|\\[dw])\{(?P<least>\d{1,3}),(?P<most>\d{0,4})\})"
)


def custom(id: str, pattern: str) -> Shape | None:
    """A person's own pattern: a beginning of at least three characters, one class, a count (`acme_[A-Za-z0-9]{20,}`). None
    when it is anything else: what is not of this form could take for ever, or could not be found in a stream."""
    found = re.fullmatch(_CUSTOM, pattern)
    if found is None:
        return None
    try:
        re.compile(pattern)
    except re.error:
        return None
    begin = found["begin"]
    return word_shape(id, "your own pattern", (begin,), found["rest"].replace("\\w", "[A-Za-z0-9_]"), judge.anything)
