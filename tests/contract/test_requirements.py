"""Promises and tests, bound both ways: no promise without a test, no test of a promise that nobody made."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

HERE = Path(__file__).parent
UNITS = ("cli", "http", "runtime", "sessions", "store")
PLACES = (HERE, HERE.parent / "process", *(HERE.parent / "unit" / name for name in UNITS))


class Requirement(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    says: str


PROMISES = msgspec.toml.decode((HERE / "requirements.toml").read_bytes(), type=dict[str, Requirement])


def claims(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "requirement":
            yield str(node.args[0].value)


CLAIMED = {claim for place in PLACES for path in place.glob("test_*.py") for claim in claims(path)}


def test_every_promise_has_a_test() -> None:
    assert sorted(set(PROMISES) - CLAIMED) == []


def test_every_claim_is_a_promise() -> None:
    assert sorted(CLAIMED - set(PROMISES)) == []


def test_every_promise_says_something_once() -> None:
    assert len({promise.says for promise in PROMISES.values()}) == len(PROMISES)
