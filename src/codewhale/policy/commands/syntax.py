"""The syntax tree of a command text, by tree-sitter's grammar of bash, imported when the first command is judged.

It gives the tree to the deny rules, and says whether it sees what `reader.py` saw. The parser accepts some texts that
bash does not, so it alone never makes a word known.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate

from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree
from tree_sitter_bash import language

from codewhale.policy.commands.reader import Simple
from codewhale.policy.commands.screen import MOST_NODES
from codewhale.policy.commands.verdict import Refused

_CHAINS = frozenset({"program", "list", "pipeline", "redirected_statement", "negated_command", "heredoc_redirect"})
_WORDS = frozenset({"word", "number", "string", "raw_string", "concatenation"})
_INSIDE_WORDS = _WORDS | {"string_content"}
_SILENT = frozenset({"comment", "heredoc_start", "heredoc_body", "heredoc_end", "file_descriptor"})
_SIGNS = frozenset({"&&", "||", ";", "|", "\n", "!", ">", ">>", "<", "&>", "&>>", ">&", "<&", "<<"})

Span = tuple[int, int]


def parse(text: str) -> Tree:
    """The tree of the text; texts that are not valid have one too, with errors in it."""
    return Parser(_bash()).parse(text.encode("utf-8", "surrogatepass"))


def captures(pattern: str, node: Node) -> list[Node]:
    """The nodes that a tree-sitter pattern captures below `node`, in source order."""
    found = [n for group in QueryCursor(_compiled(pattern)).captures(node).values() for n in group]
    return sorted(found, key=_place)


def _place(node: Node) -> Span:
    return node.start_byte, -node.end_byte


def source(node: Node) -> str:
    """The text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def below(root: Node) -> Iterator[Node]:
    """`root` and everything below it, in source order, without recursion: chains nest thousands deep."""
    cursor = root.walk()
    depth = 0
    while True:
        if cursor.node is not None:
            yield cursor.node
        if cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if depth == 0:
                return
            cursor.goto_parent()
            depth -= 1


def check_agreement(tree: Tree, text: str, commands: list[Simple]) -> None:
    """Raise `Refused` unless the tree holds plain syntax alone and has the same words in the same commands."""
    if tree.root_node.has_error:
        raise Refused("parser", "it is not valid shell syntax")
    if tree.root_node.descendant_count > MOST_NODES:
        raise Refused("limits", f"its syntax has more than {MOST_NODES} parts")
    at = _offsets(text)
    tree_says = _Tree(tree.root_node)
    read = {(at[c.words[0].start], at[w.start], at[w.end]) for c in commands for w in c.words}
    targets = {(at[r.target.start], at[r.target.end]) for c in commands for r in c.redirects if r.operator != "<<"}
    seen = tree_says.words | {word for word in read if word[0] in tree_says.tests}
    if seen != read or tree_says.targets != targets or {w[0] for w in read} != tree_says.commands:
        raise _disagreement()


class _Tree:
    """What the tree says: its commands by the start of their first word, their words, the targets of redirects."""

    def __init__(self, root: Node) -> None:
        self.commands: set[int] = set()
        self.tests: set[int] = set()
        self.words: set[tuple[int, int, int]] = set()
        self.targets: set[Span] = set()
        todo = [root]
        while todo:
            node = todo.pop()
            if node.is_missing:
                raise _disagreement()
            if node.type in _CHAINS:
                todo.extend(node.children)
            else:
                todo.extend(self._take(node))

    def _take(self, node: Node) -> Iterable[Node]:
        match node.type:
            case "command":
                return self._command(node)
            case "test_command" if source(node).startswith("[ "):
                self.commands.add(node.start_byte)
                self.tests.add(node.start_byte)
            case "file_redirect":
                return self._redirect(node)
            case kind:
                if kind not in _SILENT and (node.is_named or kind not in _SIGNS):
                    raise Refused("control", f"it holds more than plain commands ({kind.replace('_', ' ')})")
        return ()

    def _command(self, node: Node) -> list[Node]:
        name = node.child_by_field_name("name")
        if name is None:
            raise _disagreement()
        start = name.start_byte
        self.commands.add(start)
        others: list[Node] = []
        for child in node.children:
            word = child.children[0] if child.type == "command_name" and child.children else child
            if word.type in _WORDS:
                _check_word(word)
                self.words.add((start, word.start_byte, word.end_byte))
            else:
                others.append(word)
        return others

    def _redirect(self, node: Node) -> list[Node]:
        others: list[Node] = []
        for child in node.children:
            if child.type in _WORDS:
                _check_word(child)
                self.targets.add((child.start_byte, child.end_byte))
            else:
                others.append(child)
        return others


def _check_word(node: Node) -> None:
    for inner in below(node):
        if inner.is_named and inner.type not in _INSIDE_WORDS:
            raise Refused("subst", f"a word of it is not plain text ({inner.type.replace('_', ' ')})")


def _offsets(text: str) -> Sequence[int]:
    """Where each character begins in the UTF-8 of the text, and where it ends."""
    if text.isascii():
        return range(len(text) + 1)
    return [0, *accumulate(len(char.encode("utf-8", "surrogatepass")) for char in text)]


def _disagreement() -> Refused:
    return Refused("parser", "two readings of it do not agree on its words")


@cache
def _bash() -> Language:
    return Language(language())


@cache
def _compiled(pattern: str) -> Query:
    return Query(_bash(), pattern)
