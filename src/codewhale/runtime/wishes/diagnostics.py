"""What the language servers of the runtime know, for tools that ask."""

from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.tools.diagnostics import AskLanguageServers, LanguageFacts
from codewhale.workspace.files import Files
from codewhale.workspace.lsp.edits import current
from codewhale.workspace.lsp.findings import Shown, element
from codewhale.workspace.lsp.servers import LanguageServers


async def ask(wish: AskLanguageServers, origin: Origin, runtime: Runtime) -> LanguageFacts:
    """The servers of the workspace, and what is found in the file."""
    diagnostics = runtime.outside.diagnostics
    if diagnostics is None or not diagnostics.settings.enabled:
        raise ToolError("Language servers are switched off ([lsp] enabled = false).", category="not_available")
    servers = diagnostics.servers
    files = Files(origin.workspace)
    if wish.path is None:
        return LanguageFacts(servers=tuple(_lines(servers, files.root)))
    found = await current(servers, files, wish.path)
    if isinstance(found, str):
        return LanguageFacts(servers=(), findings=found)
    shown = Shown(most=diagnostics.settings.max_per_file, warnings=True)
    return LanguageFacts(servers=(), findings=element(wish.path, found, shown))


def _lines(servers: LanguageServers, root: str) -> list[str]:
    states = {state.language: state.state for state in servers.states() if state.root == root}
    return [
        f"{language}: {program or 'none found'}" + (f" ({states[language]})" if language in states else "")
        for language, program in servers.programs(root).items()
    ]


ANSWERS = {AskLanguageServers: ask}
