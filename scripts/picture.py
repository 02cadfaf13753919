"""Makes docs/demo.svg, the README's picture, from a real run of `codewhale demo` in a terminal.

The run is answered as a person would (y at every approval); only the temporary path is shortened. Run it with
the environment's Python: .venv/bin/python scripts/picture.py
"""

import os
import pty
import re
import select
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 108
QUESTION = re.compile(rb"\[y[^\]]*\][^\n]*$")
FONTS = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->", re.DOTALL)
"""Comments, and web fonts that the exporter names; a reader's own fixed-width font does."""
TEMPORARY = re.compile(r"/\S*codewhale-demo-\w+")


def recorded() -> str:
    """What the terminal got, escape sequences included."""
    pid, terminal = pty.fork()
    if pid == 0:
        programs = str(Path(sys.executable).parent)
        path = os.pathsep.join((programs, os.environ["PATH"]))  # as where it is installed
        os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES="200", PATH=path)
        os.execv(f"{programs}/codewhale", ["codewhale", "demo"])
    shown, answered = b"", 0
    while True:
        ready, _, _ = select.select([terminal], [], [], 30)
        if not ready:
            raise TimeoutError("the demo said nothing for 30 s")
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
        if QUESTION.search(shown, answered):
            answered = len(shown)
            os.write(terminal, b"y\n")
    os.waitpid(pid, 0)
    return shown.decode().replace("\r", "")


def main() -> None:
    """Write the picture."""
    text = TEMPORARY.sub("/tmp/codewhale-demo", recorded())
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    console.print(Text.from_ansi(f"$ codewhale demo\n{text.rstrip()}"))
    picture = FONTS.sub("", console.export_svg(title="codewhale demo"))
    (ROOT / "docs" / "demo.svg").write_text(picture, encoding="utf-8")


main()
