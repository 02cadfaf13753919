"""The entry file of the `codewhale` command.

Invariant: `codewhale --version` imports nothing beyond the package, and a command's code is imported only when it runs.
This is the one place where imports inside functions are the rule: they are the start-up time.
"""

import os
import sys

from codewhale import __version__

INTERRUPTED = 130
BROKEN_PIPE = 141


def entry() -> None:
    """The console script: run the command line and end the process with its exit code.

    Everything that must be closed is closed by then; taking the interpreter apart module by module is left out, which
    is a tenth of a short run.
    """
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or BROKEN_PIPE
    os._exit(code)


def main(argv: list[str]) -> int:
    """Run one command line; the exit code. Errors for people are printed, never raised."""
    try:
        if argv in (["--version"], ["-V"]):
            sys.stdout.write(f"codewhale {__version__}\n")
            sys.stdout.flush()
            return 0
        code = _command(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return BROKEN_PIPE


def _command(argv: list[str]) -> int:
    import signal

    from codewhale.surfaces.cli.collector import begin, settle

    # An exception out of a signal handler can tear a C module apart while it is being imported: until the command is
    # loaded, Ctrl-C simply ends the process.
    usual = signal.signal(signal.SIGINT, signal.SIG_DFL)
    begin()
    try:
        _load_msgspec()
        from codewhale.surfaces.cli.dispatch import dispatch

        return dispatch(argv, loaded=lambda: signal.signal(signal.SIGINT, usual))
    finally:
        signal.signal(signal.SIGINT, usual)
        settle()


def _load_msgspec() -> None:
    """Load it as it is where `typing_extensions` is not installed: it takes from there what `typing` has too, and that module
    costs as much as two dozen of ours. Whoever else wants the module gets it."""
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    hidden: dict[str, object] = {"typing_extensions": None}
    sys.modules.update(hidden)  # pyright: ignore[reportArgumentType, reportCallIssue] - None means: not to be found
    try:
        __import__("msgspec")
    finally:
        del sys.modules["typing_extensions"]


def _silence_stdout() -> None:
    # The reader is gone; without this, the flush at exit would complain about it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
