"""What a JSON decoder lets pass and we do not: a field given twice, nesting without end, structure without end. Pure."""

import re

import msgspec

MAX_DEPTH = 64
MAX_PARTS = 50_000
"""Most fields, objects and lists that one text may have together; looking at them takes time."""

_PART = r'(?s)("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*+(:?)|[{}\[\]]'


def structure_problem(text: str) -> str | None:
    """None, or what is wrong with the structure, as it goes on after "the body" or "the arguments". The text need not be
    valid JSON: that is the decoder's matter."""
    levels: list[set[str]] = []
    parts = 0
    for token in re.finditer(_PART, text):
        mark = token.group(0)[0]
        if mark in "{[":
            parts += 1
            levels.append(set())
            if len(levels) > MAX_DEPTH:
                return f"nested deeper than {MAX_DEPTH} levels"
        elif mark in "}]":
            del levels[-1:]
        elif token.group(2) and levels:
            parts += 1
            key = _plain(token.group(1))
            if key in levels[-1]:
                return f"given the field `{key[:64]}` twice"
            levels[-1].add(key)
        if parts > MAX_PARTS:
            return f"made of more than {MAX_PARTS} fields, objects and lists"
    return None


def _plain(key: str) -> str:
    """The key without its quotes; two spellings of one name are the same."""
    if "\\" in key:
        try:
            return msgspec.json.decode(key, type=str)
        except msgspec.DecodeError:  # not JSON: the decoder will say so
            return key
    return key[1:-1]
