"""What a cage refused, read off a program's own complaint. Pure. A refusal that no program complains of stays unseen here."""

import re

from codewhale.domain.confinement import Confinement, Tier
from codewhale.workspace.plain import plain

MAX_REASON = 300
_READ_ONLY = re.compile(r"Read-only file system|\bEROFS\b")
_NOT_PERMITTED = re.compile(r"Operation not permitted|Permission denied|\bEACCES\b|\bEPERM\b")
_NETWORK = re.compile(
    r"Network is unreachable|Could not resolve host|Temporary failure in name resolution|Name or service not known"
    r"|nodename nor servname|\bEAI_AGAIN\b|\bENETUNREACH\b|\bENOTFOUND\b|Failed to resolve"
)


def denial(text: str, held: Confinement, tier: Tier) -> str | None:
    """The line of the output that tells of a refusal by the cage, with what was refused; None when there is none."""
    if not held.confines or tier in ("none", "external"):
        return None
    for line in text.splitlines():
        if _READ_ONLY.search(line):
            return _reason("write outside the writable folders", line)
        if held.network == "off" and _NETWORK.search(line):
            return _reason("network", line)
        if tier != "bubblewrap" and _NOT_PERMITTED.search(line):
            return _reason("write outside the writable folders", line)
    return None


def _reason(what: str, line: str) -> str:
    return f"{what}: {plain(line).strip()}"[:MAX_REASON]
