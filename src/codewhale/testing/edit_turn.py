"""A turn's checks against a scripted language server that is a real process."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from codewhale.domain.language_servers import LspSettings, OwnServer
from codewhale.workspace.files import Files
from codewhale.workspace.lsp.edits import EditChecks, FileReport
from codewhale.workspace.lsp.findings import Shown
from codewhale.workspace.lsp.servers import LanguageServers, View
from codewhale.workspace.processes import Processes

BOUND = 60
"""Seconds after which a turn has failed."""
PLAIN = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
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
        """As `edit_files`, `a` meaning `a.txt`."""
        return await self.edit_files({f"{name}.txt": text for name, text in texts.items()})

    async def edit_files(self, texts: Mapping[str, str | None]) -> list[FileReport]:
        """Write (or with None remove) files as a tool would; what is told of it."""
        await self.checks.begin(texts)
        for name, text in texts.items():
            path = self.root / name
            path.unlink() if text is None else path.write_text(text)
        return await self.checks.finish(edited=True)


def said(reports: list[FileReport], shown: Shown | None = None) -> str:
    """What the model reads."""
    return "\n".join(text for report in reports if (text := report.element(shown or Shown())))


def scripted(*argv: str, wait_ms: int = 10_000) -> LspSettings:
    """Settings by which the scripted server, with this behaviour, is for `.txt` files."""
    server = OwnServer(argv=(sys.executable, str(SERVER), *argv), language_id="plaintext", extensions=(".txt",))
    return LspSettings(wait_ms=wait_ms, custom={"text": server})


@asynccontextmanager
async def turn(
    root: Path,
    settings: LspSettings,
    environ: Mapping[str, str] = PLAIN,
    *,
    trusted: bool = True,
    view: View = lambda processes, _: processes,
) -> AsyncGenerator[Turn]:
    """A turn in `root`, without a sandbox unless `view` gives one; its servers are gone afterwards."""
    processes = Processes(environ)
    servers = LanguageServers(settings, processes, allowed=lambda _: trusted, view=view)
    async with AsyncExitStack() as leaving:
        leaving.callback(processes.close)
        leaving.push_async_callback(servers.close)
        await leaving.enter_async_context(asyncio.timeout(BOUND))
        group = await leaving.enter_async_context(asyncio.TaskGroup())
        made = Turn(servers, root, group)
        leaving.callback(made.checks.abandon)
        yield made
