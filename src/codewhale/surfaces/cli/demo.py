"""`codewhale demo`: the real engine mends a small failing project, with a scripted model in place of a paid one.

Everything lives in one new temporary folder, the database included: nothing of the user's is read or touched.
"""

import argparse
import asyncio
import os
import shlex
import shutil
import sys
import tempfile

from msgspec.structs import replace

from codewhale.config.layers import Layer
from codewhale.config.load import Overrides, load
from codewhale.config.settings import Settings
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.records import Item
from codewhale.domain.views import ThreadFilter
from codewhale.llm.scripted.script import Script, parse_script
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.runtime.assembly import open_runtime
from codewhale.runtime.client import Client
from codewhale.surfaces.cli.collector import settle
from codewhale.surfaces.cli.drive import Output, Run, drive
from codewhale.surfaces.cli.failures import sole
from codewhale.surfaces.cli.parser import UsageError
from codewhale.surfaces.cli.terminal import Piece, Terminal
from codewhale.surfaces.cli.threads_of import Choice

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sample")
PROMPT = "The tests of this project fail. Find out why, fix it, and show me that they pass."
PACE = 0.02
"""Seconds between two pieces of text when somebody watches."""

_NOT_HERE = ("config", "profile", "provider", "model", "base_url", "workspace")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command: none of its own."""
    parser.epilog = (
        "A small project with a failing test is copied to a temporary folder. A scripted model, served over HTTP by this\n"
        "process, drives the real engine through it: run, search, read, edit, run again. You are asked before anything\n"
        "is changed or run. It needs no key and no network, and it leaves your settings and conversations alone."
    )


def run(args: argparse.Namespace) -> int:
    """Show it. 0 only when the turn completed and the project's tests pass."""
    for name in _NOT_HERE:
        if getattr(args, name, None) is not None:
            raise UsageError(
                f"the demo brings its own settings, so --{name.replace('_', '-')} means nothing here",
                hint='with your own model: codewhale exec "..."',
            )
    settle()
    folder = tempfile.mkdtemp(prefix="codewhale-demo-")
    project = os.path.join(folder, "shop")
    shutil.copytree(
        os.path.join(SAMPLE, "project"),
        project,
        ignore=shutil.ignore_patterns("__pycache__"),
        copy_function=shutil.copy,
    )
    terminal = Terminal()
    try:
        code = asyncio.run(_show(folder, project, terminal))
    except BaseExceptionGroup as group:
        raise sole(group) from None
    return code


async def _show(folder: str, project: str, terminal: Terminal) -> int:
    home = os.path.join(folder, "codewhale-home")
    script = _script(PACE if terminal.asks else 0.0)
    async with ScriptedModel(script) as model:
        _say(terminal, f"A small project with a failing test: {project}\nYou ask: {PROMPT}\n\n")
        settings = _settings(home, project, model.url)
        async with open_runtime(settings, what="demo") as client:
            code = await drive(client, _run(project, terminal), Output("text", terminal))
            passed = code == 0 and await _tests_pass(client)
    _say(terminal, _ending(folder, project, passed=passed))
    return code or (0 if passed else 1)


def _script(pace: float) -> Script:
    with open(os.path.join(SAMPLE, "demo.toml"), encoding="utf-8") as file:
        text = file.read()
    return replace(parse_script(text.replace("PYTHON", _python()), name="the demo's script"), pace=pace)


def _python() -> str:
    """What to call the interpreter in a command: by its short name where that is found, else by its path."""
    found = next((name for name in ("python3", "python") if shutil.which(name)), None)
    return found or f"'{sys.executable}'"


def _settings(home: str, project: str, url: str) -> Settings:
    layer = Layer(
        provider="scripted",
        model="demo",
        base_url=url,
        workspace=project,
        allow_shell=True,
        approval_policy="on-request",
    )
    return load(Overrides(layer=layer), environ={"CODEWHALE_HOME": home})


def _run(project: str, terminal: Terminal) -> Run:
    nobody = None if terminal.asks else "answered automatically, as there is no terminal to ask on"
    new = NewThread(workspace=project, title="codewhale demo")
    return Run(
        choice=Choice(workspace=project, new=new),
        turn=TurnInput(prompt=PROMPT),
        mode="agent",
        deny=None,
        allow=nobody,
    )


async def _tests_pass(client: Client) -> bool:
    """Whether the last command of the thread, which ran the tests, ended well."""
    (thread,) = await client.threads(ThreadFilter())
    items = (await client.snapshot(thread.id)).items
    commands = [item for item in items if item.kind == "command_execution"]
    return bool(commands) and _exit_code(commands[-1]) == 0


def _exit_code(item: Item) -> object:
    return (item.metadata or {}).get("exit_code")


def _ending(folder: str, project: str, *, passed: bool) -> str:
    codewhale = "codewhale" if shutil.which("codewhale") else shlex.quote(sys.argv[0])
    outcome = "The tests pass." if passed else "The tests were not made to pass."
    return f"""
{outcome} The model was scripted; the engine, its tools, the approvals and the log were real.

  the project    {project}
  its thread     CODEWHALE_HOME={folder}/codewhale-home {codewhale} threads list --all
  clean up       rm -r {folder}

Go on with a model of your own:

  with a key     export DEEPSEEK_API_KEY=...    (or OPENAI_API_KEY, OPENROUTER_API_KEY, ...)
                 {codewhale} exec "why does this test fail?"
  with Ollama    {codewhale} exec --provider ollama --model qwen3-coder "why does this test fail?"
  is it set up?  {codewhale} doctor
"""


def _say(terminal: Terminal, text: str) -> None:
    terminal.end_answer()
    terminal.show([Piece("answer", text)])
