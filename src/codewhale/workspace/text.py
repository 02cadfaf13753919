"""Text as it is stored: bytes to characters and back, such that what nobody edits keeps its bytes.

Encoding, byte order mark, line ends (line by line) and the final newline belong to the file, not to the edit. Bytes that
are not text are refused with the reason. Must not touch the disk.
"""

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import shown

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)

UNKNOWN = "latin-1"
"""How bytes that are neither UTF-8 nor UTF-16 are shown: one character per byte, so nothing is lost."""


class Text(Struct, frozen=True):
    """Characters of a file with every line end as it is; `encode` gives the bytes of another text in the same form."""

    text: str
    encoding: str = "utf-8"
    bom: bytes = b""

    @property
    def known(self) -> bool:
        """Whether the encoding is certain; otherwise only ASCII can be told apart."""
        return self.encoding != UNKNOWN

    @property
    def line_ends(self) -> str:
        """`lf`, `crlf` or `mixed`; a text without line ends is `lf`."""
        crlf = self.text.count("\r\n")
        return "lf" if not crlf else "crlf" if crlf == self.text.count("\n") else "mixed"

    def encode(self, text: str) -> bytes:
        return self.bom + text.encode(self.encoding)


def decode(content: bytes, path: str) -> Text:
    """The text in `content`; `path` is for the error when it is none."""
    bom, encoding = next((known for known in _BOMS if content.startswith(known[0])), (b"", "utf-8"))
    if encoding == "utf-32":
        raise _no_text(path, "it is UTF-32, which is not handled")
    if encoding == "utf-8" and b"\0" in content:
        raise _no_text(path, "it holds NUL bytes, so it is binary (or UTF-16 without a byte order mark)")
    try:
        return Text(content[len(bom) :].decode(encoding), encoding, bom)
    except UnicodeDecodeError as error:
        if bom:
            name = "UTF-8" if encoding == "utf-8" else "UTF-16"
            reason = f"its byte order mark says {name}, but byte {error.start + len(bom)} does not fit"
            raise _no_text(path, reason) from None
    return Text(content.decode(UNKNOWN), UNKNOWN)


def split_lines(text: str) -> list[str]:
    """The lines with their line ends. Only LF ends a line (a CR before it belongs to the end), as in every other tool."""
    lines = text.split("\n")
    last = lines.pop()
    lines = [line + "\n" for line in lines]
    if last:
        lines.append(last)
    return lines


def bare(line: str) -> str:
    """A line without its line end."""
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def end_of(line: str) -> str:
    """The line end of a line, "" for the last one without."""
    return "\r\n" if line.endswith("\r\n") else "\n" if line.endswith("\n") else ""


def require_ascii(text: Text, parts: tuple[str, ...], path: str) -> None:
    """Refuse to put characters into, or look for them in, a file whose encoding nobody knows."""
    if not text.known and not all(part.isascii() for part in parts):
        raise ToolError(
            f"{shown(path)} is neither UTF-8 nor UTF-16, so its encoding is unknown: only edits that are plain ASCII can be "
            "made without damage. Convert the file first (for example with iconv), or edit around these characters.",
            category="invalid_input",
        )


def _no_text(path: str, reason: str) -> ToolError:
    return ToolError(f"{shown(path)} is not a text file: {reason}. Nothing was done with it.", category="invalid_input")
