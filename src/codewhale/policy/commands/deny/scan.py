"""From a syntax tree to acts: what each simple command, redirect and substitution of a text does, with likely values.

Walks without recursion, follows assignments and `cd`, and looks into nested shell scripts a few levels deep.
"""

import os
import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct, field
from tree_sitter import Node

from codewhale.policy.commands.deny.unwrap import base, inner_commands, inner_scripts, reads_program_from_input
from codewhale.policy.commands.deny.words import ansi, substitutions, value, values
from codewhale.policy.commands.syntax import below, captures, parse, source
from codewhale.policy.commands.unknown import UNKNOWN
from codewhale.policy.commands.verdict import Place

DEEPEST_SCRIPT = 6
MOST_STEPS = 100_000
LONGEST_VALUE = 4_096
FULL_WALK = 4_000
"""Texts above so many bytes are walked only where they are not made of plain words."""

_STATEMENTS = "[(command) (pipeline) (redirected_statement) (variable_assignment) (declaration_command) (function_definition)] @it"
_PLAIN = re.compile(
    rb"(?:echo|printf|true|false|ls|pwd|cat|wc|test|grep|head|tail|sleep|date|touch|mkdir|cp|ln|sort|uniq|cut|tr|:)"
    rb"(?:[ \t]+(?:[A-Za-z0-9_./=,:+@%-]|'[A-Za-z0-9_ .:,-]*')+)*"
)
_HOT = re.compile(rb"/\.|(?:^|[ \t=])\.[a-zA-Z]|/(?:etc|dev|proc|root|home|Users)\b")
_WRITES = frozenset({">", ">>", ">|", "&>", "&>>", ">&", "<>"})


class Act(Struct, kw_only=True):
    """One thing that happens: the words (none for a bare redirect), the files that redirects read and write, the folders
    it may happen in, which statement it belongs to and the place in its pipeline. `inner`: found inside another act."""

    argv: list[str]
    text: str
    group: int
    stage: int = 0
    reads: list[str] = field(default_factory=list[str])
    writes: list[str] = field(default_factory=list[str])
    folders: tuple[str, ...] = ()
    substituted: bool = False
    inner: bool = False
    bomb: bool = False


class _Spot(Struct, frozen=True):
    group: int | None = None
    stage: int = 0
    substituted: bool = False


class Scan:
    """The acts of a text at `place`, in order; reading stops after a bounded number of steps. `whole`: none was left out."""

    def __init__(self, place: Place) -> None:
        self.acts: list[Act] = []
        self.whole = True
        self._known: dict[str, str] = {"PWD": place.cwd, "OLDPWD": UNKNOWN, "IFS": " "}
        if place.home:
            self._known["HOME"] = place.home
        self._folders: list[str] = [place.cwd]
        self._groups = 0
        self._steps = 0
        self._depth = 0
        self._fed: dict[int, list[str]] = {}

    def read(self, text: str) -> None:
        """Add the acts of a script text."""
        root = parse(text).root_node
        if root.end_byte <= FULL_WALK or _brackets(text) > FULL_WALK // 10:
            self._walk([root])
            return
        self.whole = False
        self._walk(_chosen(root, text.encode("utf-8", "surrogatepass")))

    def _walk(self, roots: Sequence[Node]) -> None:
        todo = [(node, _Spot()) for node in reversed(roots)]
        while todo and self._steps < MOST_STEPS:
            self._steps += 1
            node, spot = todo.pop()
            todo.extend(reversed(self._visit(node, spot)))
        self.whole = self.whole and not todo

    def _visit(self, node: Node, spot: _Spot) -> list[tuple[Node, _Spot]]:
        match node.type:
            case "command" | "declaration_command" | "test_command" | "unset_command":
                return self._command(node, self._grouped(spot))
            case "pipeline":
                return self._pipeline(node, self._grouped(spot))
            case "redirected_statement" | "heredoc_redirect" | "negated_command":
                spot = self._grouped(spot)
                later = _Spot(spot.group, spot.stage + (node.type == "heredoc_redirect"), spot.substituted)
                return [(child, later) for child in node.children]
            case "file_redirect":
                return self._redirect(node, self._grouped(spot))
            case "heredoc_body" | "herestring_redirect":
                return self._feed(node, self._grouped(spot))
            case "variable_assignment":
                return self._assign(node, self._grouped(spot))
            case "function_definition":
                self._function(node)
                return [(child, _Spot()) for child in node.children]
            case "program" | "list":
                apart = _Spot(None, 0, spot.substituted)
                return [(child, apart) for child in node.children if child.is_named]
            case _:
                return [(child, spot) for child in node.children]

    @staticmethod
    def _pipeline(node: Node, spot: _Spot) -> list[tuple[Node, _Spot]]:
        """The parts with their places. The grammar puts the chain of `a | b && c` inside the pipe; there only the part that
        stands next to the pipe belongs to it."""
        found: list[tuple[Node, _Spot]] = []
        parts = [child for child in node.children if child.is_named]
        for index, part in enumerate(parts):
            here = _Spot(spot.group, spot.stage + index, spot.substituted)
            if part.type != "list":
                found.append((part, here))
                continue
            inside = [child for child in part.children if child.is_named]
            joined = inside[-1] if index == 0 else inside[0]
            found += [(child, here if child == joined else _Spot(None, 0, spot.substituted)) for child in inside]
        return found

    def _grouped(self, spot: _Spot) -> _Spot:
        if spot.group is not None:
            return spot
        self._groups += 1
        return _Spot(self._groups, spot.stage, spot.substituted)

    def _command(self, node: Node, spot: _Spot) -> list[tuple[Node, _Spot]]:
        argv: list[str] = []
        later: list[tuple[Node, _Spot]] = []
        inside = _Spot(spot.group, spot.stage, substituted=True)
        for child in node.children:
            if child.type in ("file_redirect", "herestring_redirect", "heredoc_redirect"):
                later.append((child, spot))
                continue
            if child.type == "variable_assignment" and node.type == "command":
                later += self._assign(child, spot)
                continue
            argv += values(child, self._known)
            later += [(inner, inside) for inner in substitutions(child)]
        if argv:
            self._act(argv, source(node), spot)
        return later

    def _act(self, argv: list[str], text: str, spot: _Spot, *, inner: bool = False) -> None:
        assert spot.group is not None
        if not argv or len(self.acts) > MOST_STEPS:
            return
        folders = tuple(self._folders[-8:])
        act = Act(
            argv=argv,
            text=text,
            group=spot.group,
            stage=spot.stage,
            folders=folders,
            substituted=spot.substituted,
            inner=inner,
        )
        self.acts.append(act)
        if base(argv[0]) in ("cd", "pushd", "chdir"):
            self._enter(argv)
        if self._depth >= DEEPEST_SCRIPT:
            return
        self._depth += 1
        for command in inner_commands(argv):
            self._act(command, text, spot, inner=True)
        for script in inner_scripts(argv):
            self.read(script)
        self._run_what_is_fed(act)
        self._depth -= 1

    def _run_what_is_fed(self, act: Act) -> None:
        if reads_program_from_input(act.argv):
            for script in self._fed.pop(act.group, []):
                self.read(script)
        elif base(act.argv[0]) in ("echo", "printf") and len(act.argv) > 1:
            words = [word for word in act.argv[1:] if word not in ("-e", "-n", "-ne", "-en", "%s", "%b", "%s\\n")]
            self._fed.setdefault(act.group, []).append(ansi(" ".join(words)))

    def _enter(self, argv: list[str]) -> None:
        targets = [word for word in argv[1:] if not word.startswith("-")]
        target = targets[0] if targets else self._known.get("HOME", "~")
        self._folders.append(os.path.normpath(os.path.join(self._folders[-1], target)))
        self._known["PWD"] = self._folders[-1]

    def _redirect(self, node: Node, spot: _Spot) -> list[tuple[Node, _Spot]]:
        assert spot.group is not None
        operator = next((child.type for child in node.children if not child.is_named), "")
        later: list[tuple[Node, _Spot]] = []
        act = Act(argv=[], text=source(node), group=spot.group, stage=spot.stage, folders=tuple(self._folders[-8:]))
        for child in node.children:
            if child.is_named and child.type != "file_descriptor":
                (act.writes if operator in _WRITES else act.reads).extend(values(child, self._known))
                later += [(inner, _Spot(spot.group, spot.stage, substituted=True)) for inner in substitutions(child)]
        self.acts.append(act)
        return later

    def _feed(self, node: Node, spot: _Spot) -> list[tuple[Node, _Spot]]:
        assert spot.group is not None
        if node.type == "heredoc_body":
            text = source(node)
        else:
            words = [child for child in node.children if child.is_named]
            text = value(words[-1], self._known) if words else ""
        self._fed.setdefault(spot.group, []).append(text)
        shell = next(
            (a for a in self.acts if a.group == spot.group and a.argv and reads_program_from_input(a.argv)), None
        )
        if shell is not None and self._depth < DEEPEST_SCRIPT:
            self._depth += 1
            self.read(text)
            self._depth -= 1
        return [(inner, _Spot(spot.group, spot.stage, substituted=True)) for inner in substitutions(node)]

    def _assign(self, node: Node, spot: _Spot) -> list[tuple[Node, _Spot]]:
        name, given = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return []
        if given is not None and given.type != "array":
            self._known[source(name)] = value(given, self._known)[:LONGEST_VALUE]
        inside = _Spot(spot.group, spot.stage, substituted=True)
        return [(inner, inside) for inner in substitutions(node)]

    def _function(self, node: Node) -> None:
        """A function that calls itself in a pipe or in the background fills the machine with processes."""
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        if name is None or body is None:
            return
        calls = [n for n in below(body) if n.type == "command_name" and source(n) == source(name)]
        spread = any(n.type in ("&", "pipeline") for n in below(body))
        if calls and spread:
            self._groups += 1
            self.acts.append(Act(argv=[], text=source(node), group=self._groups, bomb=True))


@lru_cache(maxsize=4)
def scanned(text: str, place: Place) -> Scan:
    """The scan of a text; several questions are asked about the same one, one after the other."""
    scan = Scan(place)
    scan.read(text)
    return scan


def _chosen(root: Node, text: bytes) -> list[Node]:
    """The statements of a huge text that a rule could be about: not those of plain words, and none twice in a row of
    statements that leave folder and variables as they are."""
    chosen: list[Node] = []
    known: set[bytes] = set()
    end = -1
    for node in captures(_STATEMENTS, root):
        start, stop = node.start_byte, node.end_byte
        if start < end:
            continue
        statement = text[start:stop]
        if statement in known:
            continue
        known.add(statement)
        if _PLAIN.fullmatch(statement) and not _HOT.search(statement):
            continue
        if b"=" in statement or b"cd" in statement or b"pushd" in statement:
            known.clear()
        chosen.append(node)
        end = stop
    return chosen


def _brackets(text: str) -> int:
    return text.count("(") + text.count("{") + text.count("`")
