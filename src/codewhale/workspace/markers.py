"""Markers that stand for secrets must not be written where the secrets are: a model that was shown `[redacted:…]` in a file and
writes the file back would destroy what it was not shown."""

import re

from codewhale.domain.errors import ToolError

_MARKER = rb"\[redacted:[a-z][a-z0-9_-]{1,40}\]"


def marked(content: bytes) -> int:
    """How many markers there are."""
    return len(re.findall(_MARKER, content)) if b"[redacted:" in content else 0


def refuse_more(path: str, before: bytes, after: bytes) -> None:
    """`ToolError` when the file would have more markers than it has now."""
    if marked(after) > marked(before):
        raise ToolError(
            f"{path} was not written: the new text has a [redacted:…] marker, which stands for a secret that you were not "
            "shown, and it would take the secret's place. Change only the other parts of the file (edit_file), or ask the "
            "person to put the secret in.",
            category="invalid_input",
        )
