"""What a path stands for when something destroys, reads or writes it: the system, a home, a secret, our own law.

Works on likely values; a path is seen from every folder the command may be in. No file is looked at.
"""

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from codewhale.policy.commands.unknown import UNKNOWN
from codewhale.policy.commands.verdict import Place

_SYSTEM = frozenset(
    "bin boot dev etc home lib lib32 lib64 opt proc root run sbin srv sys usr var Users System Library Applications Volumes "
    "private usr/bin usr/lib usr/local var/lib var/log private/etc private/var".split()
)
_DEVICE = re.compile(
    r"/dev/(?:sd|hd|vd|xvd|nvme|mmcblk|disk|rdisk|dm-|mapper/|md|loop|sr|nbd|ram|zram|mem$|kmem$|port$|kmsg$|tty[0-9]|input/)"
)
_HARMLESS_DEVICES = ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/tty", "/dev/zero", "/dev/full")
_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/sys/")
_OUR_FOLDERS = (".agent", ".codewhale", ".deepseek")
_LAW = (
    *(f"{folder}/*" for folder in _OUR_FOLDERS),
    *(
        ".git/hooks/*",
        ".git/hooks",
        ".git/config",
        ".git/config.worktree",
        ".git/info/attributes",
        ".git/modules/*/config",
    ),
    *(".vscode/*.json", ".idea/*", ".cursor/mcp.json", ".cursor/hooks.json", ".claude/settings*.json", ".mcp.json"),
    *(".gemini/settings.json", ".codex/config.toml", ".zed/*.json"),
)
_LOGIN = (
    *(
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".bash_aliases",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
    ),
    *(".zlogin", ".kshrc", ".cshrc", ".tcshrc", ".xprofile", ".xinitrc", ".pam_environment", ".gitconfig", ".inputrc"),
    *(".config/fish/*", ".config/git/*", ".config/autostart/*", ".config/systemd/*", ".config/environment.d/*"),
    *(".ssh/authorized_keys*", ".ssh/config", ".ssh/rc", ".ssh/environment", "Library/LaunchAgents/*"),
)
_SYSTEM_LAW = (
    *(
        "/etc/passwd",
        "/etc/group",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers*",
        "/etc/cron*",
        "/etc/profile*",
        "/etc/pam.d/*",
    ),
    *(
        "/etc/bash*",
        "/etc/zsh*",
        "/etc/environment",
        "/etc/ld.so.*",
        "/etc/ssh/*",
        "/etc/systemd/*",
        "/etc/init*",
        "/etc/rc*",
    ),
    *("/etc/xdg/autostart/*", "/etc/fstab", "/etc/security/*", "/etc/polkit-1/*", "/etc/udev/*", "/etc/modprobe.d/*"),
    *("/var/spool/cron/*", "/usr/lib/systemd/*", "/lib/systemd/*", "/Library/Launch*/*", "/boot/*"),
)
_KEYS = (
    *(
        ".aws/credentials",
        ".aws/config",
        ".aws/sso/*",
        ".netrc",
        "_netrc",
        ".git-credentials",
        ".config/git/credentials",
    ),
    *(
        ".kube/config",
        ".docker/config.json",
        ".config/gh/hosts.yml",
        ".config/gcloud/*",
        ".azure/*",
        ".npmrc",
        ".pypirc",
    ),
    *(
        ".pgpass",
        ".my.cnf",
        ".cargo/credentials*",
        ".terraform.d/credentials*",
        ".vault-token",
        ".config/op/*",
        ".boto",
    ),
    *(
        ".password-store/*",
        ".local/share/keyrings/*",
        "Library/Keychains/*",
        ".config/hub",
        ".s3cfg",
        ".gem/credentials",
    ),
    *(".config/google-chrome/*", ".mozilla/firefox/*", ".config/chromium/*", ".local/share/kwalletd/*", ".oci/config"),
    *(
        ".config/doctl/*",
        ".config/rclone/*",
        ".fly/config.yml",
        ".gnupg",
        ".gnupg/*",
        ".ssh",
        ".ssh/*",
        ".aws",
        ".kube",
    ),
)
_PUBLIC = (".ssh/*.pub", ".ssh/known_hosts*", ".ssh/config", ".ssh/authorized_keys")
_SYSTEM_KEYS = ("/etc/shadow*", "/etc/gshadow*", "/etc/sudoers*", "/etc/ssh/ssh_host_*_key", "/var/lib/secrets/*")
_PROCESS = re.compile(r"/proc/(?:1|\$PPID|\$\$|" + UNKNOWN + r"|[0-9]+|\*)/(?:environ|mem|maps|fd|root|cwd)\b")


_SYSTEM_WHOLE, _SYSTEM_PART, _HOME = "the whole system", "a part of the system", "a home directory"
SHARED = frozenset({_SYSTEM_WHOLE, _SYSTEM_PART, _HOME})
"""What is not the workspace's own: changing all of it is as bad as removing it."""


_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*(?:\.[a-z0-9]+)?")
"""A name below the folder of the command: nothing of the system, no hidden file."""


class Targets:
    """What paths mean for a person whose home and workspace are known."""

    def __init__(self, place: Place) -> None:
        self._workspace = os.path.normpath(place.workspace)
        self._home = os.path.normpath(place.home) if place.home else None

    def whole(self, path: str, folders: Iterable[str]) -> str | None:
        """What destroying `path` and all below it would destroy; None when it is not that much."""
        if not path:
            return None
        if re.fullmatch(r"(?:\./)*\.git(?:/+(?:\.|\*+)?)*", path) or self._names_git(path):
            return "the history of the repository"
        if re.fullmatch(r"\.\.(?:/+(?:\.\.|\*+)?)*", path):
            return "the folder around the workspace"
        for seen in _seen(_unstarred(path), folders):
            if found := self._whole(seen, glob=path.rstrip("/").endswith("*")):
                return found
        return None

    def _names_git(self, path: str) -> bool:
        name = path.rstrip("/").rpartition("/")
        if not name[2].startswith(".") or name[2] in (".", ".."):
            return name[2] == ".git" and name[0] in ("", ".", self._workspace)
        return fnmatchcase(".git", name[2]) and (name[2] != ".git" or name[0] in ("", ".", self._workspace))

    def _whole(self, path: str, *, glob: bool) -> str | None:
        if path == "/":
            return _SYSTEM_WHOLE
        if path.strip("/") in _SYSTEM:
            return _SYSTEM_PART
        if self._is_home(path):
            return _HOME
        if path == self._workspace and not glob:
            return "the workspace with its history"
        return "the history of the repository" if path == os.path.join(self._workspace, ".git") else None

    def _is_home(self, path: str) -> bool:
        return path in (self._home, "/root", "~") or re.fullmatch(r"/(?:home|Users)/[^/]+", path) is not None

    def device(self, path: str) -> str | None:
        """The raw device or kernel switch that writing `path` would change."""
        path = os.path.normpath(path) if path.startswith("/") else path
        if path in _HARMLESS_DEVICES or path.startswith(("/dev/tcp/", "/dev/udp/", "/dev/fd/", "/dev/pts/")):
            return None
        if _DEVICE.match(path) or path.startswith(_KERNEL):
            return path
        return None

    def law(self, path: str, folders: Iterable[str]) -> str | None:
        """The protected file that writing `path` would change: our own, git's, an editor's, a login file, the system's."""
        for seen in _seen(path, folders):
            tails = list(_tails(seen))
            if any(fnmatchcase(tail, pattern) for tail in tails for pattern in _LAW):
                return "a file that decides what runs outside this check"
            if self._at_home(seen, _LOGIN) or any(fnmatchcase(seen, pattern) for pattern in _SYSTEM_LAW):
                return "a file that is run or trusted at the next start"
        return None

    def key(self, path: str, folders: Iterable[str]) -> str | None:
        """The secret that reading `path` would show."""
        for seen in _seen(path, folders):
            if self._at_home(seen, _PUBLIC):
                continue
            if self._at_home(seen, _KEYS) or any(fnmatchcase(seen, pattern) for pattern in _SYSTEM_KEYS):
                return "keys or passwords of the person"
            if self._at_home(seen, tuple(f"{folder}/*" for folder in _OUR_FOLDERS)):
                return "the runtime's own settings and token"
            if _PROCESS.match(seen):
                return "the memory or environment of another process"
        return None

    def _at_home(self, path: str, patterns: tuple[str, ...]) -> bool:
        below = _below_home(path, self._home)
        return below is not None and any(fnmatchcase(below, pattern) for pattern in patterns)


def _below_home(path: str, home: str | None) -> str | None:
    for root in (home, "/root", "~"):
        if root and path.startswith(root.rstrip("/") + "/"):
            return path[len(root.rstrip("/")) + 1 :]
    found = re.match(r"/(?:home|Users)/[^/]+/", path)
    return path[found.end() :] if found else None


def _unstarred(path: str) -> str:
    while path.endswith(("/*", "/.*", "/**", "/{*,.*}", "/.", "/.[!.]*")):
        path = path.rpartition("/")[0] or "/"
    return path


def _seen(path: str, folders: Iterable[str]) -> Iterator[str]:
    """The absolute paths that `path` may be, one per folder."""
    folders = tuple(dict.fromkeys(folders))
    if len(folders) == 1 and _PLAIN_NAME.fullmatch(path):
        return
    path = path.removeprefix("@").removeprefix("file://")
    if path.startswith("~"):
        yield path
        return
    for folder in folders:
        yield _absolute(os.path.join(folder, path))
        if path.startswith("/"):
            return


def _absolute(path: str) -> str:
    found = os.path.normpath(path)
    return found[1:] if found.startswith("//") else found


def _tails(path: str) -> Iterator[str]:
    """The path without its first parts, one more each time: a protected folder is protected wherever it lies."""
    parts = path.lstrip("/").split("/")
    for at in range(max(0, len(parts) - 6), len(parts)):
        yield "/".join(parts[at:])
