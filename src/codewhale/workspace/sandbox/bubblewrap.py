"""The argument list of bubblewrap, the full cage of Linux. Pure: places in, words out; order is part of the meaning.

Everything is read-only but the writable places; protected and hidden ones are laid over them; all namespaces are our own, no
capability is left, and a seccomp program holds. The last stage inside looks at itself before it becomes the program.
"""

from collections.abc import Sequence

from msgspec import Struct

from codewhale.domain.confinement import Network
from codewhale.workspace.sandbox.ground import Place
from codewhale.workspace.sandbox.limits import LIMITS

BINARIES = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap")
"""Where it may be. Never PATH, never the workspace; the first is the one that distributions give rights to by its path."""

READY = "/run/codewhale-ready"
PROXY = "/run/codewhale-proxy"

LAST_STAGE = f"""{LIMITS}
while read -r name value rest; do
  case $name in CapEff:) e=$value ;; CapPrm:) p=$value ;; NoNewPrivs:) n=$value ;; Seccomp:) s=$value ;; esac
done </proc/self/status
case $e-$p-$n-$s in
  0000000000000000-0000000000000000-1-2) : >{READY} && exec "$@" ;;
  *) echo "the sandbox is not complete: effective $e, permitted $p, no new privileges $n, seccomp $s" >&2; exit 125 ;;
esac
"""

_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_LIFE = ("--cap-drop", "ALL", "--die-with-parent", "--new-session")


class Fittings(Struct, frozen=True, kw_only=True):
    """What a cage needs from the host: paths, and the descriptor that the seccomp program is read from."""

    bwrap: str
    tmp: str
    empty: str
    ready: str
    seccomp_fd: int
    forwarder: tuple[str, ...] = ()
    proxy: str | None = None
    root: bool = False


def wrapped(
    argv: Sequence[str], cwd: str, places: Sequence[Place], masks: Sequence[str], network: Network, fittings: Fittings
) -> tuple[str, ...]:
    """The command line that runs `argv` in the cage."""
    words = [fittings.bwrap, *_NAMESPACES, *(() if network == "host" else ("--unshare-net",)), *_LIFE]
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", fittings.tmp, "/tmp"]  # noqa: S108 - the cage's own
    words += ["--ro-bind", "/proc/sys", "/proc/sys"] if fittings.root else []  # others cannot write there anyway
    for place in _ordered(places, masks):
        words += _mount(place, fittings.empty)
    words += ["--bind", fittings.ready, READY]
    if network == "proxy" and fittings.proxy is not None:
        words += ["--bind", fittings.proxy, PROXY]
    else:
        words += ["--seccomp", str(fittings.seccomp_fd)]
    return (*words, "--chdir", cwd, "--", *fittings.forwarder, "/bin/sh", "-c", LAST_STAGE, "codewhale", *argv)


def _ordered(places: Sequence[Place], masks: Sequence[str]) -> list[Place]:
    both = [*places, *(Place(path, "read") for path in masks)]
    return sorted(both, key=lambda place: (place.path.rstrip("/").count("/"), place.path))


def _mount(place: Place, empty: str) -> tuple[str, ...]:
    if place.access == "write":
        return "--bind", place.path, place.path
    if place.access == "read":
        return "--ro-bind", place.path, place.path
    return ("--tmpfs", place.path) if place.folder else ("--ro-bind", empty, place.path)
