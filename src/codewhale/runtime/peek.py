"""The end of a session for a list: a few entries, each short, without secrets. Pure.

What looks like a secret is taken out here although the log was redacted when it was written: a peek is shown without being
asked for, beside other things. Known values are gone already; this goes by the shapes of keys and tokens.
"""

import re
from collections.abc import Sequence

from codewhale.domain.records import Item
from codewhale.domain.session_messages import (
    Block,
    SessionMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    session_messages,
)
from codewhale.domain.sessions import PEEK_TEXT_LIMIT, PeekEntry, PeekKind, SessionPeek
from codewhale.domain.views import SessionRow

REDACTED = "[redacted]"
_LOOKED_AT = 16 * 1024
"""Characters of an entry that are looked at: what is cut anyway needs no redaction."""

_SECRET = re.compile(
    r"""
    -----BEGIN[ A-Z]*PRIVATE\ KEY-----.*?(?:-----END[ A-Z]*PRIVATE\ KEY-----|\Z)
    | \b(?:sk|pk|rk|dst|cwrt|ghp|gho|ghs|ghu|glpat|xox[abprs])[-_][A-Za-z0-9_-]{12,}
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bAKIA[0-9A-Z]{16}\b
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*
    | (?<=://)[^/\s:@]{1,128}:[^/\s@]{1,256}(?=@)
    | (?i:(?<=bearer\ )|(?<=api_key=)|(?<=api-key:\ )|(?<=password=)|(?<=token=)|(?<=secret=))[^\s"',;&]{6,}
    """,
    re.VERBOSE | re.DOTALL,
)


def peeked(row: SessionRow, items: Sequence[Item], count: int) -> SessionPeek:
    """The last `count` entries of the session, oldest first."""
    entries = [(message, block) for message in session_messages(items) for block in message.content]
    shown = entries[-count:]
    thread = row.thread
    return SessionPeek(
        session_id=thread.id,
        title=row.title,
        workspace=thread.workspace,
        model=thread.model,
        mode=thread.mode,
        archived=thread.archived,
        message_count=row.message_count,
        updated_at=thread.updated_at,
        entries=tuple(_entry(message, block) for message, block in shown),
        omitted_before=len(entries) - len(shown),
    )


def redacted(text: str) -> str:
    """The text without what looks like a secret; `REDACTED` stands in its place."""
    return _SECRET.sub(REDACTED, text)


def _entry(message: SessionMessage, block: Block) -> PeekEntry:
    kind: PeekKind = "tool"
    if isinstance(block, TextBlock):
        kind = "user" if message.role == "user" else "assistant"
        text = block.text
    elif isinstance(block, ThinkingBlock):
        kind, text = "reasoning", block.text
    elif isinstance(block, ToolResultBlock):
        text = block.content
    else:
        text = f"{block.name} {block.input}"
    safe = redacted(text[:_LOOKED_AT])
    return PeekEntry(
        kind=kind,
        text=safe[:PEEK_TEXT_LIMIT],
        truncated=len(safe) > PEEK_TEXT_LIMIT or len(text) > _LOOKED_AT,
        redacted=REDACTED[:-1] in safe,  # the log's own markers say the kind behind it
    )
