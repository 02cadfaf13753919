"""Where a workspace keeps what people wrote for agents. Apart, so that looking whether there is any loads nothing."""

import os
from collections.abc import Sequence

IN_WORKSPACE = (".agents/skills", "skills", ".codewhale/skills", ".opencode/skills", ".claude/skills", ".cursor/skills")
"""Where a workspace has its skills, in the order in which they are looked at: of two with one name the first counts."""

OF_DOCUMENTS = ("AGENTS.md", "CLAUDE.md", ".claude", ".deepseek", ".codewhale")
"""What a folder has at its top that has instructions for agents."""


def repository_root(workspace: str) -> str:
    """The nearest folder at or above `workspace` that holds a `.git`; the workspace itself when there is none. A linked
    worktree is its own root."""
    start = folder = os.path.realpath(workspace)
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent
    return folder


def folders(root: str, workspace: str) -> list[str]:
    """From `root` down to the workspace, as paths from `root`; that itself is the empty one."""
    below = os.path.relpath(workspace, root)
    parts = [] if below == "." else below.split(os.sep)
    return ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]


def may_have_documents(workspace: str, outer: Sequence[str]) -> bool:
    """Whether it is worth to look for instructions: nothing is opened."""
    root = repository_root(workspace)
    inner = (
        os.path.join(root, folder, name)
        for folder in folders(root, os.path.realpath(workspace))
        for name in OF_DOCUMENTS
    )
    return any(map(os.path.lexists, (*outer, *inner)))
