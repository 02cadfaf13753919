"""Untrusted text as plain text: control characters and terminal sequences are dropped, only newline and tab stay.

A lone carriage return becomes a newline, so that progress bars stay readable.
"""

import re

_HELD = 4096
_SEQUENCE = (
    r"\x1b\[[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC with their text
    r"|\x1b[ -/]*+[0-~]"
)
_RETURN = r"\r\n?"
_CONTROL = _SEQUENCE + r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_TURNING = "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
_UNFINISHED = r"(?:\x1b(?:\[[0-?]*+[ -/]*+|[\]PX^_][^\x07\x1b]*+\x1b?|[ -/]*+)?|\r)\Z"


def plain(text: str) -> str:
    """`text` without anything that a terminal would obey."""
    return text if _printable(text) else re.sub(_CONTROL, "", re.sub(_RETURN, "\n", text))


def unturned(text: str) -> str:
    """`text` without characters that change the direction of what is around them, and without invisible tags: for places
    where what a person reads must be what is there."""
    return text if text.isascii() or _printable(text) else re.sub(_TURNING, "", text)


class PlainStream:
    """`plain` for text that comes in pieces: a sequence split between two pieces is still one."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown now; an unfinished sequence waits for the next piece, within 4,096 characters."""
        text = self._held + text
        self._held = ""
        if _printable(text):
            return text
        unfinished = re.compile(_UNFINISHED).search(text, max(0, len(text) - _HELD))
        if unfinished is not None:
            self._held = unfinished.group()
            text = text[: unfinished.start()]
        return plain(text)

    def end(self) -> str:
        """What was held back, made plain; nothing follows."""
        held, self._held = self._held, ""
        return plain(held)


def _printable(text: str) -> bool:
    """Whether nothing but characters that show, newlines and tabs are in `text`: most texts need no pattern."""
    return text.replace("\n", "").replace("\t", "").isprintable()
