"""Notifications on the person's desktop. The programs that show them talk to the desktop's own bus, which no sandbox lets
through, so the runtime starts them, with nothing of the model's in a place where it would be obeyed."""

from codewhale.config.environment import environment
from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.tools.notify import Notify
from codewhale.workspace.processes import Command, Processes

SECONDS = 5.0
DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
_SCRIPT = (
    *("-e", "on run argv"),
    *("-e", "display notification (item 2 of argv) with title (item 1 of argv)"),
    *("-e", "end run"),
)


async def notify(wish: Notify, origin: Origin, runtime: Runtime) -> str | None:
    """Show it and say with what."""
    del origin
    processes = runtime.outside.processes
    found = program(processes)
    if found is None:
        return None
    name, path = found
    known = environment()
    result = await processes.run(
        Command(
            argv=(path, *words(name, wish)),
            cwd="/",
            timeout=SECONDS,
            environ={variable: known[variable] for variable in DESKTOP if variable in known},
        )
    )
    if result.exit_code != 0:
        said = result.stderr.text.strip().splitlines()
        raise ToolError(f"{name} could not show it{': ' + said[-1][:200] if said else ''}.")
    return name


def program(processes: Processes) -> tuple[str, str] | None:
    """The program that shows notifications here: its name and path."""
    return next(((name, path) for name in ("notify-send", "osascript") if (path := processes.find(name))), None)


def words(name: str, wish: Notify) -> tuple[str, ...]:
    """The arguments with which the program shows it."""
    if name == "osascript":
        return (*_SCRIPT, wish.title, wish.body)
    escaped = wish.body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return ("--app-name=codewhale", "--", wish.title, escaped)


ANSWERS = {Notify: notify}
