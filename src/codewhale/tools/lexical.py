"""What a JSON decoder lets pass and a tool call must not: a field given twice, nesting without end, sheer size."""

import re

import msgspec

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64

_TOKEN = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*+(:?)|[{}\[\]]', re.DOTALL)


def check_lexical(text: str) -> str | None:
    """None, or what is wrong with the text in words. It need not be valid JSON: that is the decoder's matter."""
    if not text.strip():
        return "the arguments are empty; send a JSON object."
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "the arguments contain half of a surrogate pair, which is not text."
    if size > MAX_BYTES:
        return f"the arguments are {size} bytes; at most {MAX_BYTES} are taken. Split the call."
    return _check_nesting(text)


def _check_nesting(text: str) -> str | None:
    levels: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        mark = token.group(0)[0]
        if mark in "{[":
            levels.append(set())
            if len(levels) > MAX_DEPTH:
                return f"the arguments are nested deeper than {MAX_DEPTH} levels."
        elif mark in "}]":
            del levels[-1:]
        elif token.group(2) and levels:
            key = _plain(token.group(1))
            if key in levels[-1]:
                return f"the field `{key[:64]}` is given twice."
            levels[-1].add(key)
    return None


def _plain(key: str) -> str:
    """The key without its quotes; two spellings of one name are the same."""
    if "\\" in key:
        try:
            return msgspec.json.decode(key, type=str)
        except msgspec.DecodeError:  # not JSON: the decoder will say so
            return key
    return key[1:-1]
