"""Reads the small part of the shell language whose words can be known for sure, character by character.

It is the second reader beside the parser: a command is safe only when both see the same words in the same commands.
Everything with a meaning beyond literal words, chains and harmless redirects is `Refused`; nothing is guessed.
"""

import re
from typing import Literal

from msgspec import Struct, field

from codewhale.policy.commands.verdict import Refused

Connector = Literal["", "&&", "||", ";", "|"]

_BARE = re.compile(r"(?:@\{[A-Za-z0-9-]+\}|[A-Za-z0-9_./:=@%+,^~!#\-\]\u0080-\U0010ffff])+")
"""What stands for itself without quotes; `@{1}` and `@{upstream}` are git's and no brace expansion."""
_DESCRIPTOR = re.compile(r"\d+(?=[<>])")
_HEREDOC = re.compile(r"<<(['\"])([A-Za-z_][A-Za-z0-9_]*)\1(?=[ \t\n|;&]|$)")
_TILDE_AFTER = re.compile(r"[A-Za-z0-9_.^/}\])]")
_DOLLAR_LITERAL = frozenset('"|) ')
RESERVED = frozenset(
    "if then else elif fi do done case esac while until for in function select coproc [[ ]] { } !".split()
)


class Text(Struct, frozen=True):
    """A word that is known: where it stands, its value, and whether it is spelled without any quoting."""

    start: int
    end: int
    value: str
    bare: bool


class Redirect(Struct, frozen=True):
    """A redirect as it is spelled: descriptor or empty, operator, target (a heredoc's is its delimiter)."""

    descriptor: str
    operator: str
    target: Text


class Simple(Struct):
    """A simple command: its words and redirects, how it hangs on the one before, and where it stands."""

    before: Connector
    start: int
    end: int = 0
    negated: bool = False
    words: list[Text] = field(default_factory=list[Text])
    redirects: list[Redirect] = field(default_factory=list[Redirect])


class Reader:
    """One pass over `text`; `read()` gives its commands in order or raises `Refused`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._heredoc: str | None = None
        self._commands: list[Simple] = []

    def read(self) -> list[Simple]:
        """All commands, each with at least one word."""
        before: Connector = ""
        while True:
            simple = self._simple(before)
            if simple is not None:
                self._commands.append(simple)
            operator = self._operator()
            if operator is None:
                break
            if simple is None and operator != "\n":
                raise Refused("parser", "a part between two operators is empty")
            if simple is not None:
                before = ";" if operator == "\n" else operator
        if before in ("&&", "||", "|") and (not self._commands or simple is None):
            raise Refused("parser", "it ends in the middle of a chain")
        if self._heredoc is not None:
            raise Refused("heredoc", "the here-document does not end")
        if not self._commands:
            raise Refused("parser", "there is no command in it")
        return self._commands

    def _peek(self, length: int = 1) -> str:
        return self._text[self._at : self._at + length]

    def _skip_blanks(self) -> None:
        while self._peek() in (" ", "\t") and self._peek():
            self._at += 1
        if self._peek() == "#":
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end

    def _operator(self) -> Literal["&&", "||", ";", "|", "\n"] | None:
        char, two = self._peek(), self._peek(2)
        if not char:
            return None
        if two in ("&&", "||"):
            self._at += 2
            return "&&" if two == "&&" else "||"
        if char == "\n":
            self._at += 1
            self._end_line()
            return "\n"
        if char in ";|" and two not in (";;", "|&", ";&"):
            self._at += 1
            return ";" if char == ";" else "|"
        if char == "&":
            raise Refused("control", "a part runs in the background")
        if char in "()":
            raise Refused("control", "commands in parentheses run in a shell of their own")
        raise Refused("parser", f"{two!r} is not an operator that is understood here")

    def _end_line(self) -> None:
        if self._heredoc is None:
            return
        delimiter, self._heredoc = self._heredoc, None
        at = self._at
        while at < len(self._text):
            end = self._text.find("\n", at)
            line = self._text[at:] if end < 0 else self._text[at:end]
            if line == delimiter:
                self._at = len(self._text) if end < 0 else end + 1
                return
            at = len(self._text) if end < 0 else end + 1
        raise Refused("heredoc", "the here-document does not end")

    def _simple(self, before: Connector) -> Simple | None:
        self._skip_blanks()
        simple = Simple(before=before, start=self._at)
        while True:
            self._skip_blanks()
            char = self._peek()
            if not char or char in ";|\n()" or (char == "&" and self._peek(2) != "&>"):
                break
            redirect = self._redirect()
            if redirect is not None:
                simple.redirects.append(redirect)
            else:
                self._add(simple, self._word())
            simple.end = self._at
        if simple.words:
            return simple
        if simple.redirects or simple.negated:
            raise Refused("redirect", "a redirect without a command opens or empties its file")
        return None

    @staticmethod
    def _add(simple: Simple, word: Text) -> None:
        if not simple.words:
            if word.bare and word.value == "!" and not simple.negated and not simple.redirects:
                simple.negated = True
                return
            if word.value in RESERVED:
                raise Refused("control", f"`{word.value}` makes a compound command; only plain ones are judged safe")
            if "=" in word.value:
                raise Refused("env", "it sets a variable, which can change what a later or the same command does")
        simple.words.append(word)

    def _redirect(self) -> Redirect | None:
        found = _DESCRIPTOR.match(self._text, self._at)
        descriptor = found.group() if found else ""
        at = self._at + len(descriptor)
        heredoc = _HEREDOC.match(self._text, at)
        if heredoc is not None:
            if self._heredoc is not None or descriptor:
                raise Refused("heredoc", "more than one here-document")
            self._heredoc = heredoc[2]
            self._at = heredoc.end()
            return Redirect("", "<<", Text(heredoc.start(1), heredoc.end(), heredoc[2], bare=False))
        operator = next((op for op in ("&>>", "&>", ">>", ">&", "<&", "<", ">") if self._text.startswith(op, at)), None)
        if operator is None:
            return None
        if self._text.startswith(("<<", "<(", "<>", ">(", ">|"), at):
            raise Refused("redirect" if self._text[at + 1] in "<>|" else "subst", self._odd_redirect(at))
        self._at = at + len(operator)
        while self._peek() in (" ", "\t") and self._peek():
            self._at += 1
        if not self._peek() or self._peek() in "<>;|&\n()#":
            raise Refused("parser", "a redirect names no file")
        return Redirect(descriptor, operator, self._word())

    def _odd_redirect(self, at: int) -> str:
        match self._text[at : at + 2]:
            case "<<":
                return "a here-document whose delimiter is not quoted, or a here-string, can expand its text"
            case "<>" | ">|":
                return "it opens a file for writing"
            case _:
                return "a process substitution runs a command"

    def _word(self) -> Text:
        start, parts, bare = self._at, list[str](), True
        while True:
            char = self._peek()
            if not char or char in " \t\n;|&<>()":
                break
            if char in "'\"\\":
                bare = False
                parts.append(self._quoted(char))
            else:
                parts.append(self._plain(start))
        if self._peek() == "(":
            raise Refused("parser", "a parenthesis inside a word")
        return Text(start, self._at, "".join(parts), bare)

    def _quoted(self, char: str) -> str:
        if char == "'":
            end = self._text.find("'", self._at + 1)
            if end < 0:
                raise Refused("parser", "a quote is not closed")
            value, self._at = self._text[self._at + 1 : end], end + 1
            return value
        if char == "\\":
            follower = self._text[self._at + 1 : self._at + 2]
            if not follower or follower == "\n":
                raise Refused("quoting", "a line is continued with a backslash")
            self._at += 2
            return follower
        return self._double()

    def _double(self) -> str:
        out: list[str] = []
        self._at += 1
        while True:
            char = self._peek()
            if not char:
                raise Refused("parser", "a quote is not closed")
            self._at += 1
            if char == '"':
                return "".join(out)
            if char == "`" or (char == "$" and self._peek() not in _DOLLAR_LITERAL):
                raise Refused("subst", "a value is filled in when it runs (`$` or a backtick in double quotes)")
            if char == "\\":
                follower = self._peek()
                if follower == "\n":
                    raise Refused("quoting", "a line is continued with a backslash")
                if follower and follower in '"\\$`':
                    char = follower
                    self._at += 1
            out.append(char)

    def _plain(self, start: int) -> str:
        if self._at == start and re.match(r"\[[ \t]", self._peek(2)):
            self._at += 1
            return "["
        found = _BARE.match(self._text, self._at)
        if found is None:
            raise self._special(self._peek())
        self._check_bare(found.group(), first=self._at == start)
        self._at = found.end()
        return found.group()

    def _check_bare(self, value: str, *, first: bool) -> None:
        for index, char in enumerate(value):
            if char == "~" and (index == 0 or not _TILDE_AFTER.match(value[index - 1])):
                raise Refused("path", "`~` stands for a home directory")
        if first and value.startswith("=") and value not in ("=", "=="):
            raise Refused("parser", "a word that begins with `=`")
        if "!" in value and not (first and value == "!"):
            raise Refused("parser", "`!` inside a word")

    @staticmethod
    def _special(char: str) -> Refused:
        if char in "*?[":
            return Refused("glob", "a pattern becomes other words when it runs")
        if char in "{}":
            return Refused("subst", "a brace expansion becomes other words when it runs")
        if char in "$`":
            return Refused("subst", "a value is filled in when it runs (`$` or a backtick)")
        return Refused("parser", f"{char!r} is not understood here")
