"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes golden files instead of comparing with them; review the diff before committing."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
