"""Where a command runs that was judged to only read: a sandbox in which it cannot do anything else.

The judgement is a reading of text and may be wrong; so nothing of the workspace can be written here, there is no network,
and git finds the programs that a repository names switched off.
"""

from msgspec.structs import replace

from codewhale.domain.confinement import Confinement, confinement
from codewhale.workspace.processes import Processes

GIT_PINS = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.pager", "cat"),
    ("core.sshCommand", "false"),
    ("core.gitProxy", "false"),
    ("core.askPass", "false"),
    ("core.untrackedCache", "false"),
    ("core.alternateRefsCommand", "false"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
    ("gpg.ssh.program", "false"),
    ("gpg.x509.program", "false"),
    ("protocol.allow", "never"),
    ("credential.helper", ""),
    ("safe.bareRepository", "explicit"),
    ("submodule.recurse", "false"),
    ("diff.ignoreSubmodules", "all"),
)
"""Names of programs that git runs, none of them; what git prints stays as the person has set it."""

ENVIRON = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_CONFIG_COUNT": str(len(GIT_PINS)),
    **{f"GIT_CONFIG_KEY_{at}": key for at, (key, _) in enumerate(GIT_PINS)},
    **{f"GIT_CONFIG_VALUE_{at}": value for at, (_, value) in enumerate(GIT_PINS)},
}


def read_only(processes: Processes, root: str) -> Processes:
    """The same for programs that only read `root`: confined, or not started."""
    held = processes.confinement
    wanted = confinement("read-only", root, processes.home)
    return processes.confined(_tighter(wanted, held)).extended(ENVIRON)


def _tighter(wanted: Confinement, held: Confinement | None) -> Confinement:
    hidden = held.hidden if held is not None and held.policy != "danger-full-access" else ()
    return replace(wanted, hidden=tuple(dict.fromkeys((*wanted.hidden, *hidden))), network="off", proxy=None)
