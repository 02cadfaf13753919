"""The likely values of a word: quoting removed, home and known variables filled in, braces expanded, the rest marked.

Never used to show that something is harmless, only to see through spellings of what is forbidden.
"""

import re
from collections.abc import Mapping

from tree_sitter import Node

from codewhale.policy.commands.syntax import source
from codewhale.policy.commands.unknown import UNKNOWN

MOST_CHOICES = 64

_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_ANSI = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|(.))", re.DOTALL)
_NAME = re.compile(r"\$\{?!?([A-Za-z_][A-Za-z0-9_]*|[0-9$?!@*#-])")
_BRACES = re.compile(r"\{([^{}]*(?:,|\.\.)[^{}]*)\}")
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_DOUBLE = re.compile(r'\\([$`"\\])')

Known = Mapping[str, str]


def values(node: Node, known: Known) -> list[str]:
    """The words that `node` likely becomes; at least one."""
    value, split, braces = _value(node, known)
    found = _choices(value) if braces else [value]
    if split and any(c.isspace() for c in value):
        found = [part for choice in found for part in choice.split()] or [""]
    return found[:MOST_CHOICES]


def value(node: Node, known: Known) -> str:
    """The word as one text, unsplit."""
    return _value(node, known)[0]


def substitutions(node: Node) -> list[Node]:
    """The nodes inside a word that hold commands of their own, outermost first, not looked into."""
    if node.child_count == 0:
        return []
    found: list[Node] = []
    todo = [node]
    while todo:
        inner = todo.pop()
        if inner.type in ("command_substitution", "process_substitution"):
            found.append(inner)
        else:
            todo.extend(reversed(inner.children))
    return found


def _value(node: Node, known: Known) -> tuple[str, bool, bool]:
    """(value, whether blanks in it split it, whether braces in it expand)."""
    text = source(node)
    match node.type:
        case "word" | "number":
            return _bare(text, known), False, "{" in text
        case "raw_string":
            return text[1:-1], False, False
        case "ansi_c_string":
            return ansi(text[2:-1]), False, False
        case "string" | "translated_string":
            return _double(node, known), False, False
        case "concatenation" | "command_name":
            parts = [_value(child, known) for child in node.children]
            return "".join(p[0] for p in parts), any(p[1] for p in parts), any(p[2] for p in parts) or "{" in text
        case "simple_expansion" | "expansion":
            return _variable(text, known), True, False
        case "command_substitution":
            return _output(node, known), True, False
        case "process_substitution":
            return "/dev/fd/" + UNKNOWN, False, False
        case _:
            return text if not node.is_named else UNKNOWN, False, False


def _bare(text: str, known: Known) -> str:
    if text == "~" or text.startswith("~/"):
        text = known.get("HOME", "~") + text[1:]
    elif text == "~+" or text.startswith("~+/"):
        text = known.get("PWD", ".") + text[2:]
    elif text == "~root" or text.startswith("~root/"):
        text = "/root" + text[5:]
    elif match := re.match(r"~[a-z_][a-z0-9_-]*(?=/|$)", text):
        text = f"/home/{match.group()[1:]}" + text[match.end() :]
    return _BACKSLASH.sub(lambda m: "" if m[1] == "\n" else m[1], text) if "\\" in text else text


def _double(node: Node, known: Known) -> str:
    """The text between double quotes: what lies between the expansions is taken from the source, blanks included."""
    whole = node.text or b""
    out: list[str] = []
    at = whole.find(b'"') + 1
    for child in node.children:
        if child.type in ("string_content", '"', "$"):
            continue
        start = child.start_byte - node.start_byte
        out += [_DOUBLE.sub(r"\1", whole[at:start].decode(errors="replace")), _value(child, known)[0]]
        at = child.end_byte - node.start_byte
    end = len(whole) - 1 if whole.endswith(b'"') else len(whole)
    return "".join(out) + _DOUBLE.sub(r"\1", whole[at:end].decode(errors="replace"))


def _variable(text: str, known: Known) -> str:
    found = _NAME.match(text)
    if found is None:
        return UNKNOWN
    name = found[1]
    if name in known:
        return known[name]
    default = re.search(r":?[-=]([^{}$`]*)\}$", text)
    return default[1] if default else f"${name}" if name in ("PPID", "$") else UNKNOWN


def _output(node: Node, known: Known) -> str:
    """What `$(pwd)` and an `echo` of known words would print."""
    inner = [child for child in node.children if child.is_named]
    if len(inner) != 1 or inner[0].type != "command":
        return UNKNOWN
    words = [part for child in inner[0].children if child.is_named for part in [_shallow(child, known)]]
    match words:
        case ["pwd"]:
            return known.get("PWD", UNKNOWN)
        case ["echo", *rest]:
            return " ".join(rest)
        case ["printf", text] | ["printf", "%s", text]:
            return ansi(text)
        case _:
            return UNKNOWN


def _shallow(node: Node, known: Known) -> str:
    if substitutions(node):
        return UNKNOWN
    return _value(node, known)[0]


def ansi(text: str) -> str:
    """The text with the escapes of `$'...'` and `printf` read."""

    def one(match: re.Match[str]) -> str:
        short, wide, wider, octal, char = match.groups()
        if octal:
            return chr(int(octal, 8) & 0xFF)
        if short or wide or wider:
            code = int(short or wide or wider, 16)
            return chr(code) if code < 0x110000 else UNKNOWN
        return _ESCAPES.get(char, char)

    return _ANSI.sub(one, text)


def _choices(text: str) -> list[str]:
    """Brace expansion, bounded; a range gives its two ends."""
    done: list[str] = []
    todo = [text]
    while todo and len(done) + len(todo) <= MOST_CHOICES:
        current = todo.pop(0)
        found = _BRACES.search(current)
        if found is None:
            done.append(current)
            continue
        parts = found[1].split(",") if "," in found[1] else found[1].split("..")[:2]
        todo += [current[: found.start()] + part + current[found.end() :] for part in parts]
    return done + todo
