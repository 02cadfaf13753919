"""What a command that runs another one runs: the arguments of the inner command, or the script text given to a shell."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

SHELLS = frozenset("sh bash dash zsh ksh mksh ash fish rbash busybox".split())
INTERPRETERS = frozenset(
    "python python2 python3 perl ruby node nodejs deno bun php lua osascript tclsh Rscript pwsh".split()
)


class Wrapper(Struct, frozen=True):
    """How to find the inner command: options that take the next word, operands that stand before the command."""

    valued: frozenset[str] = frozenset()
    operands: int = 0
    assigns: bool = False


def _wrapper(valued: str = "", operands: int = 0, *, assigns: bool = False) -> Wrapper:
    return Wrapper(frozenset(valued.split()), operands, assigns)


WRAPPERS: dict[str, Wrapper] = {
    "sudo": _wrapper("-u -g -h -p -C -T -U -r -t -D -R --user --group --host --prompt --chdir", assigns=True),
    "doas": _wrapper("-u -C"),
    "pkexec": _wrapper("--user"),
    "gosu": _wrapper(operands=1),
    "su-exec": _wrapper(operands=1),
    "env": _wrapper("-u -C -a --unset --chdir", assigns=True),
    "time": _wrapper("-f -o --format --output"),
    "nice": _wrapper("-n --adjustment"),
    "ionice": _wrapper("-c -n -p -P -u"),
    "chrt": _wrapper("-T -P -D", operands=1),
    "taskset": _wrapper(operands=1),
    "nohup": _wrapper(),
    "setsid": _wrapper(),
    "timeout": _wrapper("-s -k --signal --kill-after", operands=1),
    "stdbuf": _wrapper("-i -o -e --input --output --error"),
    "command": _wrapper(),
    "builtin": _wrapper(),
    "exec": _wrapper("-a"),
    "coproc": _wrapper(),
    "noglob": _wrapper(),
    "xargs": _wrapper(
        "-I -n -P -d -E -L -s -a -R -S --replace --max-args --max-procs --delimiter --arg-file --max-lines"
    ),
    "parallel": _wrapper("-j -I -n -a --jobs"),
    "strace": _wrapper("-o -e -E -u -s -P"),
    "ltrace": _wrapper("-o -e -u -s"),
    "watch": _wrapper("-n --interval"),
    "flock": _wrapper("-w -E --timeout", operands=1),
    "fakeroot": _wrapper(),
    "busybox": _wrapper(),
    "toybox": _wrapper(),
    "caffeinate": _wrapper("-t -w"),
    "unbuffer": _wrapper(),
    "setarch": _wrapper(operands=1),
    "proxychains": _wrapper("-f"),
    "proxychains4": _wrapper("-f"),
    "torsocks": _wrapper(),
    "xvfb-run": _wrapper("-n -s -a"),
    "dbus-run-session": _wrapper(),
    "entr": _wrapper(),
    "then": _wrapper(),
    "else": _wrapper(),
    "do": _wrapper(),
    "!": _wrapper(),
    "{": _wrapper(),
    "(": _wrapper(),
}

_EXEC_MARKS = frozenset("-exec -execdir -ok -okdir".split())
_FD_MARKS = frozenset("-x -X --exec --exec-batch".split())


def base(word: str) -> str:
    """The command that a command word names, whatever folder it is called from."""
    return word.rstrip("/").rpartition("/")[2]


def inner_commands(argv: Sequence[str]) -> Iterator[list[str]]:
    """The commands that `argv` runs as arguments of its own, outermost only."""
    name = base(argv[0])
    wrapper = WRAPPERS.get(name)
    if wrapper is not None:
        inner = _after_options(argv[1:], wrapper)
        if inner:
            yield inner
    elif name == "find":
        yield from _after_marks(argv, _EXEC_MARKS)
    elif name in ("fd", "fdfind"):
        yield from _after_marks(argv, _FD_MARKS)
    elif name == "git" and "bisect" in argv and "run" in argv:
        yield list(argv[argv.index("run") + 1 :])


def _after_options(args: Sequence[str], wrapper: Wrapper) -> list[str]:
    at = 0
    operands = wrapper.operands
    while at < len(args):
        word = args[at]
        if word == "--":
            at += 1
        elif word.startswith("-") and len(word) > 1:
            at += 2 if word in wrapper.valued else 1
        elif wrapper.assigns and "=" in word and not word.startswith("="):
            at += 1
        elif operands:
            operands -= 1
            at += 1
        else:
            break
    return list(args[at:])


def _after_marks(argv: Sequence[str], marks: frozenset[str]) -> Iterator[list[str]]:
    for at, word in enumerate(argv):
        if word in marks and at + 1 < len(argv):
            yield list(argv[at + 1 :])


def inner_scripts(argv: Sequence[str]) -> Iterator[str]:
    """Texts that `argv` gives to a shell to run."""
    name, args = base(argv[0]), argv[1:]
    if name == "eval":
        yield " ".join(args)
    elif name in SHELLS or name in ("su", "runuser", "script", "flock", "sg", "ssh"):
        yield from _after_c(args)
    elif name == "env":
        for at, word in enumerate(args):
            if word in ("-S", "--split-string") and at + 1 < len(args):
                yield " ".join(args[at + 1 :])
            elif word.startswith(("-S", "--split-string=")):
                yield " ".join([word.removeprefix("--split-string=").removeprefix("-S"), *args[at + 1 :]])
    elif name in ("watch", "parallel"):
        yield " ".join(word for word in args if not word.startswith("-"))
    elif name == "trap" and args:
        yield args[0]
    elif name == "alias":
        yield from (word.partition("=")[2] for word in args)


def _after_c(args: Sequence[str]) -> Iterator[str]:
    for at, word in enumerate(args):
        cluster = word.startswith("-") and not word.startswith("--") and word.endswith("c")
        if (cluster or word == "--command") and at + 1 < len(args):
            yield args[at + 1]
            return
        if word.startswith("--command="):
            yield word.partition("=")[2]


def reads_program_from_input(argv: Sequence[str]) -> bool:
    """Whether this runs what it is fed: a shell or interpreter without a script, or a shell's `source /dev/stdin`."""
    name, args = base(argv[0]), list(argv[1:])
    if name in (".", "source"):
        return bool(args) and args[0] in ("/dev/stdin", "/proc/self/fd/0", "-")
    if name in SHELLS:
        if "-s" in args:
            return True
        return all(word.startswith(("-", "+")) or word == "/dev/stdin" for word in args) and not list(_after_c(args))
    plain = name if name in INTERPRETERS else name.rstrip("0123456789.")
    if plain in INTERPRETERS:
        return all(word in ("-", "-u", "-s", "-E", "-I", "-B", "/dev/stdin") for word in args)
    return False
