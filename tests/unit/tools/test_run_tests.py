"""`run_tests`: the runner is told from files, quoted, allowed as the command that it is, and its words are read."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codewhale.domain.commands import TurnInput
from codewhale.domain.errors import ToolError
from codewhale.domain.events import ApprovalRequired
from codewhale.domain.wishes import R, Wish
from codewhale.testing.scene import Stage
from codewhale.tools.run_tests import RunTests, TestCommand, resolve, run
from codewhale.tools.tool import ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes
from codewhale.workspace.project_report import Report, report_of


async def nobody(wish: Wish[R]) -> R:
    raise ToolError(f"nobody grants {wish}", category="not_available")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ToolContext]:
    processes = Processes({"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"})
    yield ToolContext(files=Files(str(tmp_path)), processes=processes, progress=list[str]().append, ask=nobody)
    processes.close()


@pytest.mark.parametrize(
    ("files", "args", "command"),
    [
        ({"Cargo.toml": ""}, RunTests(all_features=True), "cargo test --all-features"),
        ({"go.mod": ""}, RunTests(), "go test ./..."),
        ({"pytest.ini": ""}, RunTests(args="-k 'a b' tests"), "python3 -m pytest -k 'a b' tests"),
        ({"pyproject.toml": "[tool.pytest.ini_options]"}, RunTests(), "python3 -m pytest"),
        ({"pytest.ini": "", ".venv/pyvenv.cfg": ""}, RunTests(), ".venv/bin/python -m pytest"),
        ({"setup.py": ""}, RunTests(), "python3 -m unittest discover"),
        ({"tests/__init__.py": ""}, RunTests(), "python3 -m unittest discover -s tests -t ."),
        ({"package.json": '{"scripts": {"test": "jest"}}'}, RunTests(args="a.ts"), "npm test -- a.ts"),
        ({"package.json": '{"scripts": {"test": "x"}}', "pnpm-lock.yaml": ""}, RunTests(), "pnpm test"),
        ({"package.json": '{"scripts": {"test": "x"}}', "yarn.lock": ""}, RunTests(args="a"), "yarn test a"),
        ({"package.json": '{"scripts": {"test": "x"}}', "bun.lock": ""}, RunTests(), "bun run test"),
        ({"pom.xml": "", "mvnw": ""}, RunTests(), "./mvnw --batch-mode test"),
        ({"build.gradle.kts": ""}, RunTests(), "gradle test"),
        ({"build/CTestTestfile.cmake": ""}, RunTests(), "ctest --test-dir build --output-on-failure"),
        ({"Makefile": "all:\n\ncheck: all\n\t./t\n"}, RunTests(), "make check"),
        ({"mix.exs": ""}, RunTests(), "mix test"),
        ({"Gemfile": "", "spec/a_spec.rb": ""}, RunTests(), "bundle exec rspec"),
        ({"deno.json": ""}, RunTests(), "deno test"),
        ({"go.mod": "", "Makefile": "test:\n"}, RunTests(args="; rm -rf /"), "go test ./... ';' rm -rf /"),
    ],
)
def test_the_runner_is_told_from_the_files(tmp_path: Path, files: dict[str, str], args: RunTests, command: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert resolve(args, Files(str(tmp_path))).command == command


@pytest.mark.parametrize(
    ("files", "args", "problem"),
    [
        ({}, RunTests(), "No test runner was recognised"),
        (
            {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\""}}'},
            RunTests(),
            "No test runner",
        ),
        ({"package.json": "[1]", "Makefile": "test := 1\n"}, RunTests(), "No test runner"),
        ({"go.mod": ""}, RunTests(all_features=True), "`all_features` is for cargo; the runner here is go"),
        ({"go.mod": ""}, RunTests(args="'open"), "`args` cannot be split into words"),
    ],
)
def test_what_cannot_be_run_is_said(tmp_path: Path, files: dict[str, str], args: RunTests, problem: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ToolError, match=problem):
        resolve(args, Files(str(tmp_path)))


PYTEST = """
FAILED tests/test_a.py::test_one - assert 1 == 2
FAILED tests/test_a.py::test_two
=================== 2 failed, 5 passed, 1 skipped in 0.12s ===================
"""
UNITTEST = """
FAIL: test_b (tests.test_x.T.test_b)
ERROR: test_c (tests.test_x.T.test_c)
Ran 4 tests in 0.001s

FAILED (failures=1, errors=1, skipped=1)
"""
CARGO = """
test tests::adds ... FAILED
test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured
"""
NODE = "✖ adds (1.5ms)\nℹ pass 3\nℹ fail 1\nℹ skipped 0\n"
JEST = "  ✕ adds (5 ms)\nTests:       1 failed, 2 skipped, 7 passed, 10 total\n"
GO = "--- FAIL: TestAdd (0.00s)\nFAIL\texample.com/a\t0.1s\nok  \texample.com/b\t0.1s\n"
MAVEN = "[ERROR] AppTest.adds:12 expected 1\n[ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n"
CTEST = "50% tests passed, 1 tests failed out of 2\n\t  2 - sums (Failed)\n"


@pytest.mark.parametrize(
    ("output", "report"),
    [
        (
            PYTEST,
            Report(passed=5, failed=2, skipped=1, failures=("tests/test_a.py::test_one", "tests/test_a.py::test_two")),
        ),
        (
            UNITTEST,
            Report(
                passed=1,
                failed=2,
                skipped=1,
                failures=("test_b (tests.test_x.T.test_b)", "test_c (tests.test_x.T.test_c)"),
            ),
        ),
        (CARGO, Report(passed=5, failed=1, skipped=2, failures=("tests::adds",))),
        (NODE, Report(passed=3, failed=1, skipped=0, failures=("adds",))),
        (JEST, Report(passed=7, failed=1, skipped=2, failures=("adds",))),
        (GO, Report(passed=1, failed=1, failures=("TestAdd",))),
        (MAVEN, Report(passed=2, failed=2, skipped=1, failures=("AppTest.adds:12 expected 1",))),
        (CTEST, Report(passed=1, failed=1, failures=("sums",))),
        (
            "12 examples, 2 failures\nrspec ./spec/a_spec.rb:3\n",
            Report(passed=10, failed=2, skipped=0, failures=("./spec/a_spec.rb:3",)),
        ),
        ("nothing that counts", Report()),
    ],
)
def test_what_a_runner_says_is_read(output: str, report: Report) -> None:
    assert report_of(output) == report


async def test_a_real_run_that_fails(context: ToolContext, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_sum.py").write_text(
        "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_good(self):\n        pass\n\n"
        "    def test_bad(self):\n        self.assertEqual(1, 2)\n"
    )
    found = resolve(RunTests(args="-s tests"), context.files)
    assert isinstance(found, TestCommand)
    output = await run(found, context)
    first, named = output.text.splitlines()[:2]
    assert first == "`python3 -m unittest discover -s tests` failed with exit code 1: 1 passed, 1 failed"
    assert named.startswith("- test_bad (")
    assert not output.is_error
    assert output.metadata is not None
    assert (output.metadata["exit_code"], output.metadata["failed"], output.metadata["runner"]) == (1, 1, "unittest")


async def test_the_person_allows_the_command_and_not_a_word_for_it(stage: Stage) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "run_tests", arguments = {args = "V=1"}, force = true}]
    [[reply]]
    text = "Green."
    """
    async with stage(script) as scene:
        (Path(scene.workspace) / "Makefile").write_text("test:\n\t@echo 3 passed\n")
        thread = await scene.thread()
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="test"))
        asked = (await scene.until(thread.id, ApprovalRequired.WIRE))[-1].decode()
        assert isinstance(asked, ApprovalRequired)
        assert asked.description == "Run the tests: make test V=1"
        assert asked.input == {"command": "make test V=1", "runner": "make", "others": []}
        await scene.runtime.decide("call_1", "allow")
        await scene.turn(thread.id, started.turn.id)
        ran = next(item for item in scene.store.items(thread.id) if item.call is not None)
        assert (ran.detail or "").splitlines() == ["`make test V=1` succeeded: 3 passed", "", "3 passed"]
