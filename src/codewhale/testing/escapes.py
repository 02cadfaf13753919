"""Texts that a terminal would obey, for tests that none of them gets through: escape sequences of every kind, with the texts
that they carry, whole and cut."""

import re
from itertools import product

ESC, ST, BEL = "\x1b", "\x1b\\", "\x07"
_STRINGS = {"]": "52;c;cHduZWQ=", "P": '$q"p', "X": "hidden", "^": "private", "_": "Gf=100;aaaa"}
_CSI = [
    "2J",
    "H",
    "?1049h",
    "?1049l",
    "201~",
    "6n",
    "c",
    ">q",
    "1;1r",
    "3J",
    "?2004h",
    "?1003h",
    "10A",
    "38;5;1m",
    "0;31m",
]
_MORE_CSI = [
    "!p",
    "?25l",
    "5i",
    "4i",
    "20;20t",
    "s",
    "u",
    "1;31;5m",
    "=c",
    "99999999C",
    '?62;1"p',
    "0 q",
    "@",
    "P",
    "X",
]
_OSC = [
    "0;title",
    "2;title",
    "8;;http://sink/",
    "8;;",
    "7;file:///etc",
    "9;note",
    "52;c;?",
    "4;1;?",
    "10;?",
    "133;A",
    "777;x",
]
_MORE_OSC = ["1337;File=name=eA==:AAAA", "50;font", "104", "l", "L", "22;x", "99;i=1;x"]
_PLAIN = [f"{ESC}{c}" for c in "cDEHMNOZ78=>#8lmno|}~6Fn"] + [
    f"{ESC}(0",
    f"{ESC})B",
    f"{ESC}%G",
    f"{ESC} F",
    f"{ESC}#8",
]
_C1 = [chr(n) for n in range(0x80, 0xA0)]
_C0 = [chr(n) for n in range(0x20) if chr(n) not in "\n\t"] + ["\x7f"]


def samples() -> list[str]:
    """More than two hundred of them, each between two harmless letters."""
    strings = [f"{ESC}{kind}{text}{end}" for (kind, text), end in product(_STRINGS.items(), (ST, BEL, "", ESC))]
    eight_bit = (
        [f"\x9b{text}" for text in (*_CSI, *_MORE_CSI)]
        + [f"\x9d{text}\x9c" for text in (*_OSC, *_MORE_OSC)]
        + ["\x90q#0\x9c", "\x9fx\x9c"]
    )
    sequences = [f"{ESC}[{text}" for text in (*_CSI, *_MORE_CSI)] + [
        f"{ESC}]{t}{end}" for t, end in product((*_OSC, *_MORE_OSC), (ST, BEL))
    ]
    cut = [text[:-1] for text in sequences[::3]]
    turning = ["\u202egpj.exe", "\u2066a\u2069", "\u200f", "\U000e0041\U000e0042"]
    return [f"a{text}b" for text in (*strings, *eight_bit, *sequences, *cut, *_PLAIN, *_C1, *_C0, *turning)]


def obeyed(content: bytes) -> list[str]:
    """What in `content` a terminal would obey, apart from colours, newline and tab."""
    text = content.decode("utf-8", "surrogateescape")
    rest = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return sorted(
        {c for c in rest if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f" or c in "\u202e\u2066\u200f"}
    )
