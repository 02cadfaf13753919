"""Options of the whole suite."""

import pytest
from hypothesis import settings

settings.register_profile("codewhale", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("codewhale")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes golden files instead of comparing with them; review the diff before committing.
    `--trials` says how often the server is killed in the middle of a turn (tests/process/test_process_kill.py), `--fuzz` how
    many requests are generated per operation and kind (tests/process/test_process_fuzz.py); `--full` adds the attacks in
    their full numbers (tests/process/test_process_attacks.py)."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
    parser.addoption("--trials", type=int, default=12, help="how often to kill -9 the server (default: 12)")
    parser.addoption("--fuzz", type=int, default=4, help="generated requests per operation and kind (default: 4)")
    parser.addoption("--full", action="store_true", help="also the attacks that take minutes")
