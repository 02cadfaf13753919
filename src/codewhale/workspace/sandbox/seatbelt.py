"""The profile for macOS' sandbox-exec. Pure: places in, text out. The last rule that matches decides.

Beside the protected places their ancestors within a writable folder cannot be renamed or removed either, or else the way to
them could be swapped.
"""

import os
from collections.abc import Sequence

from codewhale.domain.confinement import Network, within
from codewhale.workspace.sandbox.ground import Place
from codewhale.workspace.sandbox.limits import LIMITS

BINARY = "/usr/bin/sandbox-exec"

LAST_STAGE = f'{LIMITS}ready=$1; shift; : >"$ready" && exec "$@"'

_BASE = """(version 1)
(deny default)
(allow process-exec process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow file-read*)
(allow file-ioctl (literal "/dev/tty") (regex #"^/dev/ttys[0-9]+$"))
(allow file-write-data (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/dtracehelper"))
(allow pseudo-tty)
(allow ipc-posix-sem)
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.opendirectoryd.membership")
  (global-name "com.apple.bsd.dirhelper"))
"""


def profile(
    places: Sequence[Place], missing: Sequence[str], *, tmp: str, ready: str, network: Network, port: int | None = None
) -> str:
    """The text of the profile; `port` is where the proxy listens for network "proxy"."""
    written = [place.path for place in places if place.access == "write"]
    lines = [_BASE]
    lines += [f"(allow file-write* (subpath {_quoted(path)}))" for path in (*written, tmp)]
    lines.append(f"(allow file-write-data (literal {_quoted(ready)}))")
    for place in (*places, *(Place(path, "read") for path in missing)):
        kept = f"({'subpath' if place.folder else 'literal'} {_quoted(place.path)})"
        if place.access == "hide":
            lines.append(f"(deny file-read* file-write* {kept})")
        elif place.access == "read":
            lines.append(f"(deny file-write* {kept})")
            lines += [f"(deny file-write-unlink (literal {_quoted(path)}))" for path in _ancestors(place.path, written)]
        else:
            lines.append(f"(allow file-write* {kept})")
    if network == "host":
        lines.append("(allow network*)\n(allow system-socket)")
    elif network == "proxy" and port is not None:
        lines.append(f'(allow network-outbound (remote ip "localhost:{port}"))')
    return "\n".join(lines) + "\n"


def wrapped(argv: Sequence[str], text: str, ready: str) -> tuple[str, ...]:
    """The command line that runs `argv` under the profile."""
    return (BINARY, "-p", text, "/bin/sh", "-c", LAST_STAGE, "codewhale", ready, *argv)


def _ancestors(path: str, roots: Sequence[str]) -> list[str]:
    """The folders between `path` and the writable root that it is in, the root included."""
    found: list[str] = []
    above = os.path.dirname(path)
    while any(within(above, root) for root in roots):
        found.append(above)
        above = os.path.dirname(above)
    return found


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
