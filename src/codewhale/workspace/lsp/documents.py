"""A document as a language server has it, and which of the server's answers are about its present text. Pure.

The rule: an answer that names a version counts when the version is the present one. One that names none counts when the
server has meanwhile answered a question asked after the change, and no earlier version is still without its answer.
"""

import os
import re

from msgspec import Struct

from codewhale.workspace.lsp.findings import Finding


class Document(Struct, kw_only=True):
    """`version` counts our changes. `answer` is what the server found in this version, None while it has not said."""

    path: str
    language_id: str
    text: str
    version: int = 1
    answer: tuple[Finding, ...] | None = None
    fenced: bool = False
    unclear: bool = False
    _unnamed: tuple[Finding, ...] | None = None

    @property
    def uri(self) -> str:
        """How the protocol names it."""
        return uri_of(self.path)

    def changed(self, text: str) -> None:
        """A new version goes to the server."""
        self.unclear = self.answer is None
        self.text = text
        self.version += 1
        self.answer = self._unnamed = None
        self.fenced = False

    def published(self, version: int | None, found: tuple[Finding, ...]) -> bool:
        """The server published findings. True when the same text must be sent once more to know what they are about."""
        if version is not None:
            if version == self.version:
                self.answer = found
            return False
        self._unnamed = found
        return self._settle()

    def fence_passed(self, version: int) -> bool:
        """The server has answered a question asked after `version` was sent. The result is as that of `published`."""
        if version != self.version:
            return False
        self.fenced = True
        return self._settle()

    def _settle(self) -> bool:
        if not self.fenced or self._unnamed is None:
            return False
        if self.unclear:
            return True
        self.answer = self._unnamed
        return False

    def repeated(self) -> None:
        """The same text goes to the server as a new version, now that all before it is answered."""
        self.changed(self.text)
        self.unclear = False


_SAFE = frozenset(b"/-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")


def uri_of(path: str) -> str:
    """The URI of an absolute path."""
    return "file://" + "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in os.fsencode(path))


def same_uri(one: str, other: str) -> bool:
    """Whether two URIs mean the same file, whichever characters each of them escapes."""
    return one == other or _plain(one) == _plain(other)


def _plain(uri: str) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found.group(1), 16)]), uri.encode("utf-8", "surrogatepass"))
