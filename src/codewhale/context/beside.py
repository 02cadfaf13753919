"""What a workspace keeps for its threads: anchors, facts that have to outlive every compaction, and the handoff, what the
session before left to this one. Both are files that people and agents write, so they are data, bounded and labelled.
"""

import os

from codewhale.context.includes import Library
from codewhale.context.memory import newest
from codewhale.context.visible import element

ANCHORS = ".deepseek/anchors.md"
HANDOFF = ".deepseek/handoff.md"
MOST_ANCHORS = 4_000
MOST_HANDOFF = 8_000
"""Most characters of each; the end of the file is kept."""


def anchors(workspace: str) -> str:
    """The part with the anchors; empty where there are none."""
    text = _text(workspace, ANCHORS, MOST_ANCHORS)
    return element("anchors", text, source=ANCHORS) if text else ""


def handoff(workspace: str) -> str:
    """The part with what was left by the session before; empty where nothing was."""
    text = _text(workspace, HANDOFF, MOST_HANDOFF)
    return element("handoff", text, source=HANDOFF) if text else ""


def _text(workspace: str, path: str, limit: int) -> str:
    if not os.path.lexists(os.path.join(workspace, path)):
        return ""
    return newest((Library(workspace).text(path) or "").strip(), limit)
