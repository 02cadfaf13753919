"""A turn's checks against a scripted language server that is a real process."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from codewhale.domain.language_servers import LspSettings, OwnServer
from codewhale.workspace.files import Files
from codewhale.workspace.lsp.edits import EditChecks, FileReport
from codewhale.workspace.lsp.findings import Shown
from codewhale.workspace.lsp.servers import LanguageServers
from codewhale.workspace.processes import Processes

SERVER = Path(__file__).with_name("scripted_language_server.py")


class Turn:
    """The checks of one turn in a workspace, and all that they said."""

    def __init__(self, servers: LanguageServers, root: Path, group: asyncio.TaskGroup) -> None:
        self.servers = servers
        self.root = root
        self.said: list[str] = []
        self.came_late: asyncio.Queue[list[FileReport]] = asyncio.Queue()
        self.checks = EditChecks(servers, Files(str(root)), group, self.said.append, self.came_late.put_nowait)

    async def edit(self, **texts: str | None) -> list[FileReport]:
        """Write (or with None remove) files as a tool would, `a` meaning `a.txt`; what is told of it."""
        await self.checks.begin([f"{name}.txt" for name in texts])
        for name, text in texts.items():
            path = self.root / f"{name}.txt"
            path.unlink() if text is None else path.write_text(text)
        return await self.checks.finish(edited=True)


def said(reports: list[FileReport], shown: Shown | None = None) -> str:
    """What the model reads."""
    return "\n".join(text for report in reports if (text := report.element(shown or Shown())))


@asynccontextmanager
async def turn(root: Path, *argv: str, wait_ms: int = 10_000, trusted: bool = True) -> AsyncGenerator[Turn]:
    """A turn in `root` whose `.txt` files are known to the scripted server with this behaviour."""
    server = OwnServer(argv=(sys.executable, str(SERVER), *argv), language_id="plaintext", extensions=(".txt",))
    servers = LanguageServers(
        LspSettings(wait_ms=wait_ms, custom={"text": server}), Processes(dict(os.environ)), allowed=lambda _: trusted
    )
    try:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            made = Turn(servers, root, group)
            try:
                yield made
            finally:
                made.checks.abandon()
    finally:
        await servers.close()
