"""The project's instructions for agents: files that people wrote for whatever agent works there, found from the repository's
root down to the workspace, and the person's own.

Reading them runs nothing and never leaves the repository, whatever links and includes say. All of them together stay under
one budget, the nearest to the workspace first, and what was left out is said. What they say is for the model to follow
within what the gate allows; it changes no rule.
"""

import os
from collections.abc import Iterator, Sequence

from msgspec import Struct

from codewhale.context.includes import Library
from codewhale.context.places import folders, repository_root
from codewhale.context.visible import element

NAMES = ("AGENTS.md", ".claude/instructions.md", "CLAUDE.md", ".deepseek/instructions.md")
"""In each folder the first of these counts."""
RULES = (".codewhale/rules", ".claude/rules")
BUDGET = 100 * 1024
"""Most bytes of all documents together."""
MAX_RULES = 64
SHORTEST = 512
"""With less room than this left, a document is left out rather than begun."""


class Document(Struct, frozen=True, kw_only=True):
    """One document: where it came from, in words that say the same on every machine, and its text, includes resolved."""

    source: str
    text: str


class Documents(Struct, frozen=True, kw_only=True):
    """The documents in the order in which they are read, outermost first, and what is to be said about what is missing."""

    found: tuple[Document, ...] = ()
    warnings: tuple[str, ...] = ()


def project_documents(workspace: str, own: str | None = None, extra: Sequence[str] = ()) -> Documents:
    """The documents for work in `workspace`. `own` is the person's file (absolute), `extra` are files that the person's
    settings name. Order: the person's, those of the settings, then from the repository's root to the workspace, rules last.
    """
    root = repository_root(workspace)
    library = Library(root)
    inner = [*_chain(library, root, os.path.realpath(workspace)), *_rules(library)]
    outer = list(_own([*([own] if own else []), *extra], library.warnings))
    kept = _within([*outer, *inner], library.warnings)
    return Documents(found=tuple(kept), warnings=tuple(library.warnings))


def rendered(documents: Documents) -> str:
    """The documents as the model sees them; empty when there are none."""
    return "\n\n".join(element("project_instructions", one.text, source=one.source) for one in documents.found)


def _chain(library: Library, root: str, workspace: str) -> Iterator[Document]:
    for folder in folders(root, workspace):
        for name in NAMES:
            path = f"{folder}/{name}" if folder else name
            text = library.text(path)
            if text is not None:
                yield Document(source=path, text=text)
                break


def _rules(library: Library) -> Iterator[Document]:
    for folder in RULES:
        for name in library.listing(folder, ".md")[:MAX_RULES]:
            text = library.text(f"{folder}/{name}")
            if text is not None:
                yield Document(source=f"{folder}/{name}", text=text)


def _own(paths: Sequence[str], warnings: list[str]) -> Iterator[Document]:
    for path in paths:
        if not os.path.lexists(path):
            continue
        library = Library(os.path.dirname(path))
        text = library.text(os.path.basename(path))
        warnings += library.warnings
        if text is not None:
            yield Document(source=_short(path), text=text)


def _short(path: str) -> str:
    """The file and its folder: enough to know it by, and the same on every machine."""
    return "/".join(path.split("/")[-2:])


def _within(documents: Sequence[Document], warnings: list[str]) -> list[Document]:
    """The documents that fit, the last ones first; one that fits in part is cut and says so."""
    left = BUDGET
    kept: list[Document] = []
    for document in reversed(documents):
        size = len(document.text.encode())
        if size <= left:
            kept.append(document)
            left -= size
            continue
        if left < SHORTEST:
            warnings.append(f"{document.source} was left out: project instructions may have {BUDGET:,} bytes in all")
            continue
        text = document.text.encode()[:left].decode(errors="ignore")
        kept.append(Document(source=document.source, text=f"{text}\n[cut here: {size - left:,} bytes left out]"))
        warnings.append(f"{document.source} was cut: project instructions may have {BUDGET:,} bytes in all")
        left = 0
    kept.reverse()
    return kept
