"""How a project's tests are run, told from its files. Reads a few of them and runs nothing.

What a project declares itself (a configured runner, a script named test) comes before what its language suggests.
"""

import re
from collections.abc import Callable, Iterator
from typing import cast

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.files import Files

_MOST_BYTES = 1024 * 1024
_PLACEHOLDER = "no test specified"
_MAKE_TARGET = re.compile(r"^(test|check)\s*:(?!=)", re.MULTILINE)
_LOCKS = (
    ("pnpm-lock.yaml", ("pnpm", "test")),
    ("yarn.lock", ("yarn", "test")),
    ("bun.lock", ("bun", "run", "test")),
    ("bun.lockb", ("bun", "run", "test")),
)


class Runner(Struct, frozen=True, kw_only=True):
    """A runner: its name, the words that start it, and what stands between them and further arguments."""

    name: str
    words: tuple[str, ...]
    before_arguments: tuple[str, ...] = ()


def runners_of(files: Files) -> list[Runner]:
    """All that the files speak of, the most telling one first."""
    project = _Project(files)
    return [runner for find in _FINDERS for runner in find(project)]


class _Project:
    """The files at the top of a workspace."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def has(self, path: str) -> bool:
        try:
            return self._files.stamp(path) is not None
        except ToolError:  # a directory, or not ours to read
            return False

    def has_directory(self, path: str) -> bool:
        try:
            self._files.directory(path)
        except ToolError:
            return False
        return True

    def text(self, path: str) -> str:
        """The file's text; empty when there is none."""
        if not self.has(path):
            return ""
        read = self._files.read_up_to(path, _MOST_BYTES)
        return "" if read is None else read.content.decode("utf-8", "replace")

    def first(self, *paths: str) -> str | None:
        return next((path for path in paths if self.has(path)), None)


def _cargo(project: _Project) -> Iterator[Runner]:
    if project.has("Cargo.toml"):
        yield Runner(name="cargo", words=("cargo", "test"))


def _go(project: _Project) -> Iterator[Runner]:
    if project.has("go.mod"):
        yield Runner(name="go", words=("go", "test", "./..."))


def _pytest(project: _Project) -> Iterator[Runner]:
    configured = "[tool.pytest" in project.text("pyproject.toml") or "[tool:pytest]" in project.text("setup.cfg")
    if configured or project.first("pytest.ini", ".pytest.ini", "conftest.py", "tests/conftest.py"):
        yield Runner(name="pytest", words=(_python(project), "-m", "pytest"))


def _unittest(project: _Project) -> Iterator[Runner]:
    if project.first("pyproject.toml", "setup.py", "setup.cfg") or project.has_directory("tests"):
        where = ("-s", "tests", "-t", ".") if project.has("tests/__init__.py") else ()
        yield Runner(name="unittest", words=(_python(project), "-m", "unittest", "discover", *where))


def _python(project: _Project) -> str:
    """The project's own interpreter where it has one."""
    inside = next((f"{place}/bin/python" for place in (".venv", "venv") if project.has(f"{place}/pyvenv.cfg")), None)
    return inside or "python3"


def _node(project: _Project) -> Iterator[Runner]:
    if _PLACEHOLDER in (script := _script(project.text("package.json"))) or not script:
        return
    words = next((words for lock, words in _LOCKS if project.has(lock)), ("npm", "test"))
    yield Runner(name=words[0], words=words, before_arguments=("--",) if words[0] in ("npm", "pnpm") else ())


def _script(text: str) -> str:
    try:
        package: object = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return ""
    scripts = cast("dict[str, object]", package).get("scripts") if isinstance(package, dict) else None
    script = cast("dict[str, object]", scripts).get("test") if isinstance(scripts, dict) else None
    return script if isinstance(script, str) else ""


def _deno(project: _Project) -> Iterator[Runner]:
    if project.first("deno.json", "deno.jsonc"):
        yield Runner(name="deno", words=("deno", "test"))


def _maven(project: _Project) -> Iterator[Runner]:
    if project.has("pom.xml"):
        yield Runner(name="maven", words=("./mvnw" if project.has("mvnw") else "mvn", "--batch-mode", "test"))


def _gradle(project: _Project) -> Iterator[Runner]:
    if project.first("build.gradle", "build.gradle.kts"):
        yield Runner(name="gradle", words=("./gradlew" if project.has("gradlew") else "gradle", "test"))


def _mix(project: _Project) -> Iterator[Runner]:
    if project.has("mix.exs"):
        yield Runner(name="mix", words=("mix", "test"))


def _rspec(project: _Project) -> Iterator[Runner]:
    if project.has("Gemfile") and project.has_directory("spec"):
        yield Runner(name="rspec", words=("bundle", "exec", "rspec"))


def _ctest(project: _Project) -> Iterator[Runner]:
    for folder in (".", "build", "out"):
        if project.has(f"{folder}/CTestTestfile.cmake"):
            yield Runner(name="ctest", words=("ctest", "--test-dir", folder, "--output-on-failure"))


def _make(project: _Project) -> Iterator[Runner]:
    makefile = project.first("GNUmakefile", "makefile", "Makefile")
    found = _MAKE_TARGET.search(project.text(makefile)) if makefile is not None else None
    if found is not None:
        yield Runner(name="make", words=("make", found.group(1)))


_FINDERS: tuple[Callable[[_Project], Iterator[Runner]], ...] = (
    *(_cargo, _go, _pytest, _node, _deno, _maven, _gradle, _mix, _rspec, _ctest, _make, _unittest),
)
