"""One running language server: its documents, and its findings about exactly the text that it was last given.

Started by its first caller, ended by `end` or by its own death; nothing here waits without its caller's bound.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Mapping

from msgspec import Raw, Struct

from codewhale.workspace.lsp import tsserver
from codewhale.workspace.lsp.documents import Document, same_uri, uri_of
from codewhale.workspace.lsp.findings import Finding, findings
from codewhale.workspace.lsp.peer import Peer, PeerLost, Refused
from codewhale.workspace.lsp.wire import Initialized, Items, Published, Registrations, Report, decoded
from codewhale.workspace.processes import Command, Processes

MAX_OPEN = 64
ASK_AGAIN = 5
CAPABILITIES: dict[str, object] = {
    "general": {"positionEncodings": ["utf-16"]},
    "workspace": {"configuration": True, "workspaceFolders": True, "diagnostics": {"refreshSupport": True}},
    "textDocument": {
        "synchronization": {"didSave": True},
        "publishDiagnostics": {"versionSupport": True, "relatedInformation": False},
        "diagnostic": {"dynamicRegistration": True, "relatedDocumentSupport": False},
    },
    "experimental": {"serverStatusNotification": True},
}


class ServerPlan(Struct, frozen=True, kw_only=True):
    """How a server is started: the absolute program with its arguments, the folder it serves, its `PATH`, the settings it
    may ask for by section, and whether it says itself when it has read the project (and knows nothing before)."""

    name: str
    argv: tuple[str, ...]
    root: str
    path: str
    settings: Mapping[str, object] = {}
    options: Mapping[str, object] = {}
    tells_quiet: bool = False


class LanguageServer:
    """One server for one folder. It is `proved` when an edit was checked with it to the end."""

    def __init__(self, plan: ServerPlan, processes: Processes) -> None:
        """Starts it. Raises `ToolError` when it cannot be started."""
        self.plan = plan
        self.proved = False
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._peer = Peer(self._told, self._asked, self._changed)
        self._news = asyncio.Event()
        self._pulls = False
        self._asks_tsserver = False
        self._names_versions = False
        self._saves = False
        self._quiet = not plan.tells_quiet
        command = Command(argv=plan.argv, cwd=plan.root, environ={"PATH": plan.path}, head_bytes=2048, tail_bytes=2048)
        self._line = processes.converse(command, self._peer.hear)
        self._peer.attach(self._line)
        self._ready = self._peer.begin("initialize", self._introduction())
        self._ready.add_done_callback(self._initialized)

    @property
    def problem(self) -> str | None:
        """Why it is of no use any more, None while it lives."""
        if self._peer.problem is None:
            return None
        return f"{self._peer.problem} ({self._line.ending})" if self._line.over else self._peer.problem

    @property
    def over(self) -> bool:
        """Whether its program is gone."""
        return self._line.over

    @property
    def certain(self) -> bool:
        """Whether it answers when asked, so that no answer means that it is not done yet."""
        return self._pulls or self._asks_tsserver

    @property
    def open_documents(self) -> tuple[Document, ...]:
        """What it has open, least recently used first."""
        return tuple(self._documents.values())

    async def ready(self) -> None:
        """Wait until it may be spoken to. Raises `PeerLost`, `Refused`."""
        await asyncio.shield(self._ready)

    def give(self, path: str, language_id: str, text: str) -> None:
        """Let it know the text of a file, opening it if need be. Only once `ready`."""
        document = self._documents.get(path)
        if document is None:
            self._make_room()
            document = self._documents[path] = Document(path=path, language_id=language_id, text=text)
            opened = {"uri": document.uri, "languageId": language_id, "version": 1, "text": text}
            self._peer.notify("textDocument/didOpen", {"textDocument": opened})
            self._fence(document)
        elif document.text != text:
            document.changed(text)
            self._send(document)
        self._documents.move_to_end(path)

    def saved(self, path: str) -> None:
        """The file's text is now on disk, too."""
        document = self._documents.get(path)
        if document is not None and self._saves:
            self._peer.notify("textDocument/didSave", {"textDocument": {"uri": document.uri}})

    def touched(self, created: list[str], changed: list[str], deleted: list[str]) -> None:
        """Files were created, changed, deleted on disk."""
        kinds = ((1, created), (2, changed), (3, deleted))
        changes = [{"uri": uri_of(path), "type": kind} for kind, paths in kinds for path in paths]
        if changes:
            self._peer.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    def close(self, path: str) -> None:
        """The file is of no more interest, or gone."""
        document = self._documents.pop(path, None)
        if document is not None:
            self._peer.notify("textDocument/didClose", {"textDocument": {"uri": document.uri}})

    async def findings(self, path: str) -> tuple[Finding, ...]:
        """What it finds in the text last given of an open file. Waits as long as it takes. Raises `PeerLost`, `Refused`."""
        while True:
            document = self._documents.get(path)
            if document is None:
                raise PeerLost("the file was closed meanwhile")
            if self._peer.problem is not None:
                raise PeerLost(self._peer.problem)
            news = self._news
            if document.answer is None and self._quiet:
                await self._ask(document)
            if document.answer is not None:
                return document.answer
            await news.wait()

    def end(self, why: str) -> None:
        """End it, with all that it started."""
        self._peer.end(why)

    async def ended(self) -> None:
        """Wait for its end; bounded once `end` was called."""
        await self._line.ended()

    async def _ask(self, document: Document) -> None:
        """Get the answer by asking, where the server is one that can be asked."""
        if not self._pulls and not self._asks_tsserver:
            return
        for _ in range(ASK_AGAIN):
            version = document.version
            try:
                found = await (self._ask_tsserver(document) if self._asks_tsserver else self._pull(document))
            except Refused as error:
                if not error.again:
                    raise
                continue
            if document.version == version:
                document.answer = found
                return

    async def _pull(self, document: Document) -> tuple[Finding, ...] | None:
        raw = await self._peer.request("textDocument/diagnostic", {"textDocument": {"uri": document.uri}})
        report = decoded(raw, Report)
        return findings(report.items) if report is not None and report.kind == "full" else None

    async def _ask_tsserver(self, document: Document) -> tuple[Finding, ...]:
        raws = [
            await self._peer.request("workspace/executeCommand", question)
            for question in tsserver.questions(document.path)
        ]
        return findings(diagnostic for raw in raws for diagnostic in tsserver.diagnostics(raw))

    def _send(self, document: Document) -> None:
        versioned = {"uri": document.uri, "version": document.version}
        changes = [{"text": document.text}]
        self._peer.notify("textDocument/didChange", {"textDocument": versioned, "contentChanges": changes})
        self._fence(document)

    def _fence(self, document: Document) -> None:
        """Ask something after a change: its answer shows that the server has seen the change."""
        if self._pulls or self._asks_tsserver or self._names_versions:
            return
        version = document.version
        place = {"textDocument": {"uri": document.uri}, "position": {"line": 0, "character": 0}}

        def passed(answer: "asyncio.Future[Raw]") -> None:
            if not answer.cancelled() and not isinstance(answer.exception(), PeerLost):
                self._settled(document, again=document.fence_passed(version))

        self._peer.begin("textDocument/hover", place).add_done_callback(passed)

    def _settled(self, document: Document, *, again: bool) -> None:
        if again:
            document.repeated()
            self._send(document)
        self._changed()

    def _make_room(self) -> None:
        while len(self._documents) >= MAX_OPEN:
            self.close(next(iter(self._documents)))

    def _changed(self) -> None:
        """Something may be different: wake those who wait."""
        self._news.set()
        self._news = asyncio.Event()

    def _told(self, method: str, params: Raw) -> None:
        if method == "textDocument/publishDiagnostics":
            self._published(params)
        elif method == "experimental/serverStatus" and self.plan.tells_quiet:
            self._quiet = b'"quiescent":true' in bytes(params).replace(b" ", b"")
            self._changed()

    def _published(self, params: Raw) -> None:
        published = decoded(params, Published)
        if published is None:
            return
        document = next((one for one in self._documents.values() if same_uri(one.uri, published.uri)), None)
        if document is None or self._pulls or self._asks_tsserver:
            return
        self._names_versions = published.version is not None
        if self._names_versions and published.version != document.version:
            return
        again = document.published(published.version, findings(published.diagnostics))
        self._settled(document, again=again)

    def _asked(self, method: str, params: Raw) -> object:
        match method:
            case "workspace/configuration":
                wanted = decoded(params, Items) or Items()
                return [self.plan.settings.get(str(item.get("section"))) for item in wanted.items]
            case "client/registerCapability":
                registered = decoded(params, Registrations) or Registrations()
                if any(one.method == "textDocument/diagnostic" for one in registered.registrations):
                    self._pulls = True
                    self._changed()
                return None
            case "workspace/workspaceFolders":
                return self._folders()
            case "client/unregisterCapability" | "window/workDoneProgress/create" | "window/showMessageRequest":
                return None
            case "workspace/diagnostic/refresh" | "workspace/semanticTokens/refresh" | "workspace/inlayHint/refresh":
                return None
            case _:
                return NotImplemented

    def _introduction(self) -> dict[str, object]:
        return {
            "processId": None,  # a server in a sandbox would look for us in vain and end itself; it is ended by us
            "clientInfo": {"name": "codewhale"},
            "rootUri": uri_of(self.plan.root),
            "rootPath": self.plan.root,
            "workspaceFolders": self._folders(),
            "capabilities": CAPABILITIES,
            "initializationOptions": self.plan.options,
        }

    def _folders(self) -> list[dict[str, str]]:
        return [{"uri": uri_of(self.plan.root), "name": os.path.basename(self.plan.root) or "/"}]

    def _initialized(self, answer: "asyncio.Future[Raw]") -> None:
        if answer.cancelled() or answer.exception() is not None:
            self._peer.end("it could not be initialised")
            return
        capabilities = (decoded(answer.result(), Initialized) or Initialized()).capabilities
        sync = capabilities.textDocumentSync
        self._saves = sync is not None and not isinstance(sync, int) and bool(sync.save)
        self._pulls = bool(capabilities.diagnosticProvider)
        commands = capabilities.executeCommandProvider
        self._asks_tsserver = commands is not None and tsserver.COMMAND in commands.commands
        self._peer.notify("initialized", {})
        self._changed()
