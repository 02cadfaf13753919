"""All grammars by command name, and the family words that say what kind of command a name is."""

from codewhale.policy.commands.grammar import Check, Grammar
from codewhale.policy.commands.tables import files, git, search, sed, system, text

CATALOG: dict[str, Grammar | Check] = {
    **files.COMMANDS,
    **text.COMMANDS,
    **search.COMMANDS,
    **sed.COMMANDS,
    **system.COMMANDS,
    **git.COMMANDS,
}

_FAMILIES: dict[str, str] = {
    **dict.fromkeys(
        "env command builtin exec nohup nice time timeout stdbuf xargs parallel setsid flock watch strace ltrace sudo doas su "
        "script busybox sh bash zsh dash ksh eval source . coproc".split(),
        "wrapper",
    ),
    **dict.fromkeys("python python3 perl ruby node deno bun php lua sqlite3 awk gawk mawk openssl".split(), "interp"),
    **dict.fromkeys(
        "npm npx yarn pnpm pip pip3 uv poetry cargo go gem bundle brew apt apt-get dnf pacman apk conda".split(), "pkg"
    ),
    **dict.fromkeys("make cmake ninja gradle mvn bazel just tox nox pytest tsc".split(), "build"),
    **dict.fromkeys("curl wget nc ncat ssh scp sftp rsync ping dig nslookup host getent telnet ftp".split(), "net"),
    **dict.fromkeys(
        "rm mv cp dd truncate tee touch mkdir rmdir ln chmod chown install mktemp split csplit patch kill".split(),
        "write",
    ),
    **dict.fromkeys(
        "export set unset alias trap shopt declare typeset readonly local umask ulimit hash history".split(), "env"
    ),
    **dict.fromkeys("vi vim nvim nano emacs ed ex less more man".split(), "editor"),
    **dict.fromkeys(
        "docker podman kubectl terraform aws gcloud gh systemctl at batch crontab psql mysql".split(), "control"
    ),
    "cd": "path",
    "echo": "text",
    "find": "find",
    "git": "git",
    "sed": "sed",
    "jq": "jq",
}


def family_of(name: str) -> str:
    """The class of a command by its name; `command` when it is unknown."""
    known = CATALOG.get(name)
    if isinstance(known, Grammar):
        return known.family
    return _FAMILIES.get(name, "command")
