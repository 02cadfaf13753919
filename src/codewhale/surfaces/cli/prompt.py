"""The prompt of `exec`: words, a file, standard input, or words with piped input below them.

Bounded: what is larger than a model could take is refused instead of read.
"""

import os
import select
import stat
import sys

from codewhale.domain.errors import InvalidInput
from codewhale.domain.text import whole
from codewhale.surfaces.cli.parser import UsageError

MAX_BYTES = 16 * 1024 * 1024
PATIENCE = 3.0
"""Seconds after which a silent pipe is mentioned, because a forgotten one looks like a hang."""
_HINT = 'codewhale exec "your question", or pipe it in: ... | codewhale exec -'


def read_prompt(words: list[str], file: str | None) -> str:
    """The whole prompt. `UsageError` when there is none."""
    from_stdin = words == ["-"]
    given = "" if from_stdin else " ".join(words)
    if file is not None:
        given = "\n\n".join(part for part in (given, _file(file)) if part.strip())
    piped = _stdin(expected=from_stdin or not given.strip()) if from_stdin or _is_piped() else ""
    prompt = "\n\n".join(part for part in (given, piped) if part.strip()).strip()
    if not prompt:
        raise UsageError("the prompt is empty", hint=_HINT)
    return whole(prompt)


def _file(path: str) -> str:
    try:
        with open(path, "rb") as f:
            return _text(f.read(MAX_BYTES + 1), path)
    except OSError as error:
        raise InvalidInput(f"cannot read the prompt file {path}: {error.strerror}", hint="check the path") from error


def _is_piped() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _stdin(*, expected: bool) -> str:
    if sys.stdin.isatty():
        print("Type the prompt, then Ctrl-D:", file=sys.stderr)
    elif not expected and not select.select([0], [], [], PATIENCE)[0]:
        print("note: waiting for standard input to end (`< /dev/null` leaves it out)", file=sys.stderr)
    return _text(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")


def _text(content: bytes, where: str) -> str:
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            f"{where} is larger than {MAX_BYTES // 2**20} MiB", hint="name the file in the prompt instead"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{where} is not UTF-8 text (byte {error.start})", hint="convert it, or name the file in the prompt instead"
        ) from error
