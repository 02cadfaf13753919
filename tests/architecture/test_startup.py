"""What starting must not load: time to the first request is a promise, and imports are most of it."""

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from codewhale.tools.registry import ENTRIES

BARE = "import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"

HEAVY = {
    "anyio",
    "dataclasses",
    "datetime",
    "bz2",
    "email",
    "h11",
    "hashlib",
    "http",
    "httpcore2",
    "httpx2",
    "inspect",
    "json",
    "keyring",
    "logging.config",
    "lzma",
    "mcp",
    "multiprocessing",
    "pathspec",
    "shutil",
    "sqlite3",
    "starlette",
    "tempfile",
    "textual",
    "tomlkit",
    "tomllib",
    "urllib.request",
    "uuid",
    "uvicorn",
    "uvloop",
    "xml",
}
"""Packages of other surfaces, and parts of the standard library that cost more than a millisecond and come unseen."""

SELDOM = ("catalogue", "editing", "explain", "keyring", "keys", "managed", "values", "writing")
"""What only a settings file or `codewhale config` and `auth` need."""

MOST_MODULES = 210
"""Modules of ours that one turn without a tool call may load."""

IDLE = (
    "policy.commands",
    "policy.decide",
    "policy.layers",
    "policy.rules",
    "engine.call",
    "engine.gate",
    "engine.judging",
    "engine.planning",
    "engine.last_words",
    "engine.crowding",
    "engine.compact",
    "context.documents",
    "context.includes",
    "context.beside",
    "context.compaction",
    "config.permissions",
    "config.project",
    "domain.rules",
    "llm.chain",
    "tools.ranking",
    "tools.schema",
    "hooks",
    "runtime.answers",
    "runtime.audit_lines",
    "runtime.auto",
    "runtime.budgets.budgets",
    "runtime.hooking",
    "runtime.memory",
    "runtime.processes",
    "runtime.skills",
    "runtime.trust",
    "runtime.undo.keeper",
    "surfaces.cli.asking",
    "surfaces.cli.policy_text",
    "workspace.audit",
    "workspace.background",
    "workspace.caged",
    "workspace.child",
    "workspace.git",
    "workspace.lsp",
    "workspace.sandbox",
    "workspace.snapshot",
    "workspace.trust",
)
"""Modules and packages of ours that wait for a tool call, or for something that most people never set up."""


def idle(name: str) -> bool:
    """Whether the module is one of `IDLE` or in one of those."""
    return any(name == f"codewhale.{one}" or name.startswith(f"codewhale.{one}.") for one in IDLE)


def loaded(code: str) -> set[str]:
    """The modules that running `code` in a fresh interpreter adds to those of an empty program."""
    done = subprocess.run(
        [sys.executable, "-c", BARE.format(code=code)], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def allowed() -> set[str]:
    """What the few libraries of the start path bring with them."""
    return loaded("import asyncio, msgspec, apsw, httptools, argparse")


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name in HEAVY or name.partition(".")[0] in HEAVY}


def test_importing_the_package_loads_one_file() -> None:
    assert loaded("import codewhale") == {"codewhale"}


def test_the_version_costs_one_interpreter_start() -> None:
    modules = loaded(
        "import contextlib\n" * 0 + "sys.argv = ['codewhale', '--version']\n"
        "from codewhale.surfaces.cli.main import entry\n"
        "try: entry()\n"
        "except SystemExit: pass\n"
        "print()"
    )
    ours = {name for name in modules if name.partition(".")[0] == "codewhale"}
    assert ours <= {"codewhale", "codewhale.surfaces", "codewhale.surfaces.cli", "codewhale.surfaces.cli.main"}
    assert modules & {"argparse", "asyncio", "msgspec", "apsw", "re", "typing"} == set()


def test_a_command_loads_msgspec_without_what_it_does_not_need() -> None:
    modules = loaded("from codewhale.surfaces.cli.main import main; main(['help'])")
    assert "msgspec" in modules
    assert "typing_extensions" not in modules


def test_the_one_shot_command_loads_only_what_it_uses(allowed: set[str]) -> None:
    modules = loaded("import codewhale.surfaces.cli.exec") - allowed
    assert heavy(modules) == set()
    assert modules & {f"codewhale.config.{name}" for name in SELDOM} == set()


@pytest.mark.parametrize(
    "package",
    ["domain.fold", "engine.turn", "store.sqlite", "llm.provider", "context.conversation", "policy", "tools.registry"],
)
def test_no_lower_layer_loads_a_surface_or_a_second_transport(package: str, allowed: set[str]) -> None:
    modules = loaded(f"import codewhale.{package}") - allowed
    assert heavy(modules) == set()
    assert not [name for name in modules if name.startswith("codewhale.surfaces")]


ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b'data: {"choices":[{"index":0,"delta":{"content":"Hello."},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


RUN = "import sys; from codewhale.surfaces.cli.main import main; sys.exit(main(sys.argv[1:]))"


def _answer_once(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.settimeout(10)
    with connection:
        got = b""
        while not (length := re.search(rb"(?i)content-length: (\d+)", got)) or len(got.partition(b"\r\n\r\n")[2]) < int(
            length[1]
        ):
            got += connection.recv(65536)
        connection.sendall(ANSWER)


def test_a_whole_run_loads_only_what_it_uses(tmp_path: Path, allowed: set[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        answering = threading.Thread(target=_answer_once, args=(listener,))
        answering.start()
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", RUN, "exec", "hello"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "CODEWHALE_HOME": str(tmp_path / "home"),
                "DEEPSEEK_API_KEY": "sk-test",
                "DEEPSEEK_BASE_URL": f"http://127.0.0.1:{listener.getsockname()[1]}/v1",
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        answering.join(5)
    assert (done.returncode, done.stdout) == (0, "Hello.\n"), done.stderr[-2000:]
    modules = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))
    assert heavy(modules - allowed) == set()
    assert modules.isdisjoint(f"codewhale.tools.{entry.module}" for entry in ENTRIES.values())
    ours = {name for name in modules if name.partition(".")[0] == "codewhale"}
    assert sorted(name for name in ours if idle(name)) == [], (
        "a turn that calls no tool has loaded what it has no use for: let the import wait where it is used "
        "(`noqa: PLC0415 - start-up: ...`), or quote the annotation and import it under TYPE_CHECKING"
    )
    assert len(ours) <= MOST_MODULES, (
        f"{len(ours)} modules for a turn that calls no tool; each costs about 0.15 ms. Let imports wait that only some turns "
        "need (docs/decisions/0007-*); raise the bound only for what every turn needs"
    )
    assert modules.isdisjoint(
        {
            "codewhale.runtime.skills",
            "codewhale.context.skills",
            "codewhale.runtime.memory",
            "codewhale.context.filling",
        }
    )
    assert modules.isdisjoint(f"codewhale.config.{name}" for name in SELDOM)


def test_a_server_loads_no_framework() -> None:
    modules = loaded("import codewhale.surfaces.cli.serve")
    assert {name for name in modules if name.partition(".")[0] in ("anyio", "starlette", "textual", "mcp")} == set()


EDITS = """
import asyncio, tempfile
from codewhale.domain.language_servers import LspSettings
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import Extras, scene
SCRIPT = '''
[[reply]]
calls = [{id = "c", tool = "write_file", arguments = {path = "a.%s", content = "x"}}]
[[reply]]
text = "Done."
'''
async def main():
    with tempfile.TemporaryDirectory() as folder:
        settings = Defaults(model="scripted", workspace=folder, auto_approve=True)
        async with scene(folder, SCRIPT, environ={"PATH": "/nowhere"}, defaults=settings, extras=Extras(lsp=LspSettings())) as stage:
            thread = await stage.thread()
            await stage.say(thread.id, "edit")
asyncio.run(main())
"""


def test_language_servers_are_thought_of_with_the_first_edit_that_needs_one() -> None:
    found = {
        ending: {name for name in loaded(EDITS % ending) if name.startswith("codewhale.workspace.lsp")}
        for ending in ("md", "go")
    }
    assert found["md"] == set()
    assert "codewhale.workspace.lsp.edits" in found["go"]
