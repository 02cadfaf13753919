"""Whether a workspace has anything that needs trust, and who vouches for it. Cheap: a start and every turn ask here, and what
reads the surfaces is loaded where there is one.
"""

import os
from collections.abc import Callable

from codewhale.config.settings import Settings

TOPS = (".codewhale", ".deepseek", ".mcp.json", ".agents", "skills", ".opencode", ".claude", ".cursor")
"""What a workspace has at its top that has surfaces which codewhale would run or obey."""


def untrusted_of(settings: Settings, workspace: str) -> tuple[str, ...]:
    """The paths in this workspace that codewhale will not run or obey; looked for by name first, which costs little."""
    if not any(os.path.lexists(os.path.join(workspace, name)) for name in TOPS):
        return ()
    from codewhale.runtime.trust import untrusted  # noqa: PLC0415 - start-up: most workspaces have nothing to trust

    return untrusted(settings, workspace)


def vouching(settings: Settings) -> Callable[[str, str, bytes], bool]:
    """Tells of (workspace, path in it, content) whether a person trusts exactly that. Asked anew each time."""

    def vouches(workspace: str, path: str, content: bytes) -> bool:
        from codewhale.runtime.trust import trust_of  # noqa: PLC0415 - start-up: as above

        return trust_of(settings).vouches(workspace, path, content)

    return vouches
