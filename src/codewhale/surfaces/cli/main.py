"""The entry file of the `codewhale` command.

Invariant: `codewhale --version` imports nothing beyond the package, and a command's code is imported only when it runs.
This is the one place where imports inside functions are the rule: they are the start-up time.
"""

import sys

from codewhale import __version__

INTERRUPTED = 130
BROKEN_PIPE = 141


def entry() -> None:
    """The console script: run the command line and end the process with its exit code."""
    sys.exit(main(sys.argv[1:]))


def main(argv: list[str]) -> int:
    """Run one command line; the exit code. Errors for people are printed, never raised."""
    if argv in (["--version"], ["-V"]):
        print(f"codewhale {__version__}")
        return 0
    try:
        from codewhale.surfaces.cli.dispatch import dispatch

        code = dispatch(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return BROKEN_PIPE


def _silence_stdout() -> None:
    # The reader is gone; without this, the interpreter's own flush at exit would complain about it.
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
