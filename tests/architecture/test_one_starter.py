"""Programs are started in one place: every other raw start would be a way past the sandbox."""

import ast
from pathlib import Path

STARTERS = {
    "workspace/processes.py",  # the starter
    "workspace/caged.py",  # the proof of a tier, for the starter
    "workspace/guard.py",  # the watcher that ends what was started
    "workspace/background/kin.py",  # starts what the starter prepared, and outlives us
    "workspace/background/supervisor.py",
    "workspace/web/forward.py",  # becomes the command, inside its cage
    "workspace/sandbox/spawner.py",  # becomes the command, inside its cage
    "workspace/sandbox/attacks/on_processes.py",  # attacks, inside their cage
    "workspace/sandbox/attacks/probes.py",
}
STARTS = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "pty": {"fork", "spawn"},
}


def started_in(file: Path) -> set[str]:
    """The names of the calls in a file that start programs."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            owner, name = node.func.value.id, node.func.attr
            of_os = owner == "os" and name.startswith(("exec", "spawn", "posix_spawn", "fork", "system", "popen"))
            if of_os or name in STARTS.get(owner, ()):
                found.add(f"{owner}.{name}")
    return found


def test_programs_are_started_in_one_place(root: Path) -> None:
    source = root / "src" / "codewhale"
    found = {str(file.relative_to(source)): started_in(file) for file in sorted(source.rglob("*.py"))}
    raw = {name: sorted(calls) for name, calls in found.items() if calls and name not in STARTERS}
    assert raw == {}, "start it through workspace/processes.py"
