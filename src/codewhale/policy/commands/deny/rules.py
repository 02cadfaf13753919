"""The rules on a single act: what it destroys, which secret it reads, which protected file it writes, what it escapes to.

Each rule is a function from an act to the finding or None; the first finding counts. Names are compared without folder.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from codewhale.policy.commands.deny.scan import Act
from codewhale.policy.commands.deny.targets import SHARED, Targets
from codewhale.policy.commands.deny.unwrap import base


class Finding(Struct, frozen=True):
    """Why an act is forbidden."""

    class_: str
    rule: str
    reason: str


_RECURSIVE = {
    "rm": ("r", "R"),
    "chmod": ("R",),
    "chown": ("R",),
    "chgrp": ("R",),
    "setfacl": ("R",),
    "shred": ("",),
    "srm": ("r", "R"),
}
_POWER = frozenset("shutdown reboot halt poweroff".split())
_SYSTEMCTL_POWER = frozenset("poweroff reboot halt kexec rescue emergency suspend hibernate soft-reboot".split())
_SYSTEMCTL_USER = frozenset(
    "start restart enable link edit reenable daemon-reload set-environment import-environment".split()
)
_DISK = frozenset("fdisk sfdisk gdisk sgdisk parted wipefs blkdiscard mkswap mke2fs hdparm badblocks".split())
_LAUNCHERS = frozenset(
    "unshare nsenter bwrap bubblewrap firejail chroot pivot_root systemd-run systemd-nspawn machinectl newuidmap newgidmap".split()
)
_BUS = frozenset("dbus-send gdbus busctl qdbus qdbus6 dbus-monitor".split())
_MODULES = frozenset("insmod modprobe rmmod kexec".split())
_OUR_PROCESS = re.compile(r"codewhale|deepseek|(?<![\w-])agentd?(?![\w-])")
_KILLERS = frozenset("kill pkill killall killall5 skill".split())
_DEBUGGERS = frozenset("gdb lldb strace ltrace dlv rr reptyr perf py-spy".split())
_TMUX_QUERIES = frozenset(
    "ls list-sessions list-windows list-panes lsw lsp has-session has display-message info -V".split()
)
_NAME_ONLY = frozenset(
    "ls stat test [ file find cd pushd du realpath readlink basename dirname echo printf rg grep git tree".split()
)
_WRITERS = frozenset(
    "tee touch mkdir truncate chmod chown rm unlink shred mv ed ex vi vim nvim nano emacs patch perl ruby dd install mknod mkfifo".split()
)
_OUTPUT_FLAGS: dict[str, frozenset[str]] = {
    "curl": frozenset({"-o", "--output", "--output-dir", "-c", "--cookie-jar", "-D", "--dump-header"}),
    "wget": frozenset({"-O", "--output-document", "-P", "--directory-prefix", "-o", "--output-file"}),
    "tar": frozenset({"-C", "--directory"}),
    "unzip": frozenset({"-d"}),
    "openssl": frozenset({"-out"}),
    **dict.fromkeys(("sort", "gcc", "cc", "clang", "go", "tree", "patch"), frozenset({"-o", "--output"})),
    "git": frozenset({"-o", "--output"}),
}
_COPIERS = frozenset("cp ln install rsync scp".split())
_MENTIONS_ONLY = frozenset("echo printf grep rg git test [".split())
_NONE: frozenset[str] = frozenset()
_USED_BY: dict[str, frozenset[str]] = {
    **dict.fromkeys("ssh scp sftp ssh-add ssh-copy-id rsync".split(), frozenset({"-i", "-F"})),
    **dict.fromkeys("kubectl helm k9s".split(), frozenset({"--kubeconfig"})),
    **dict.fromkeys("npm pnpm yarn".split(), frozenset({"--userconfig"})),
    "curl": frozenset({"--netrc-file"}),
}
"""Options whose file the program uses as its own credentials and does not show."""
_METADATA_HOSTS = ("metadata.google.internal", "metadata.goog", "fd00:ec2::254", "instance-data")
_METADATA_ADDRESSES = frozenset({0xA9FEA9FE, 0xA9FEAA02, 0x646464C8})
_SECRET_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("security", "find-generic-password"),
    ("security", "find-internet-password"),
    ("security", "dump-keychain"),
    ("security", "export"),
    ("secret-tool", "lookup"),
    ("secret-tool", "search"),
    ("gpg", "--export-secret-keys"),
    ("gpg", "--export-secret-subkeys"),
    ("gpg2", "--export-secret-keys"),
    ("pass", "show"),
    ("op", "read"),
    ("gh", "auth", "token"),
    ("gcloud", "auth", "print-access-token"),
    ("gcloud", "auth", "print-identity-token"),
    ("git", "credential", "fill"),
    ("keyring", "get"),
    ("kwallet-query",),
)


def _operands(argv: Sequence[str]) -> list[str]:
    """Words that are no options, and the values joined to options."""
    found: list[str] = []
    for word in dict.fromkeys(argv[1:]):
        if word.startswith("-") and "=" in word:
            found.append(word.partition("=")[2])
        elif not word.startswith("-") or word == "-":
            found.append(word)
    return found


def _paths(argv: Sequence[str]) -> Iterator[str]:
    for word in _operands(argv):
        yield word
        for mark in ("=", "@"):
            if mark in word:
                yield word.partition(mark)[2]
    for word in argv[1:]:
        if re.match(r"-[A-Za-z][~/.@]", word):
            yield word[2:]


def _letters(argv: Sequence[str]) -> str:
    return "".join(word[1:] for word in argv[1:] if re.match(r"-[A-Za-z]", word))


def _recursive(argv: Sequence[str], name: str) -> bool:
    letters = _letters(argv)
    return any(letter in letters for letter in _RECURSIVE[name]) or any(
        len(word) > 4 and "--recursive".startswith(word) for word in argv
    )


def destroys(act: Act, targets: Targets) -> Finding | None:
    """Wholesale destruction: recursive removal or change of the system, a home, the history."""
    name, argv = base(act.argv[0]), act.argv
    wholesale = name == "mv" or (name in _RECURSIVE and _recursive(argv, name))
    if name == "find":
        deadly = {"rm", "shred", "unlink", "rmdir", "chmod", "chown", "mv"}
        wholesale = "-delete" in argv or any(base(word) in deadly for word in argv)
    if not wholesale:
        return None
    if name == "rm" and any(word.startswith("--no-pres") for word in argv):
        return Finding("destructive", "destroy", "it removes with the protection of the root folder switched off")
    candidates = argv[1:2] if name == "find" else _operands(argv)
    candidates = candidates[:-1] if name == "mv" else candidates
    for path in candidates:
        what = targets.whole(path, act.folders)
        removes = name in ("rm", "srm", "shred", "mv") or what in SHARED
        if what is not None and removes:
            return Finding("destructive", "destroy", f"it would destroy {what} ({path})")
    return None


def devices(act: Act, targets: Targets) -> Finding | None:
    """Raw disks and kernel switches."""
    written = list(act.writes)
    if act.argv:
        name = base(act.argv[0])
        if name.startswith("mkfs") or (name in _DISK and not {"-l", "--list", "-h", "--help"} & set(act.argv)):
            return Finding("destructive", "device", f"{name} overwrites disks")
        if name in ("tee", "cp", "mv", "dd", "shred", "truncate", "cat", "install", "wipe"):
            written += [word.removeprefix("of=") for word in act.argv[1:] if not word.startswith("if=")]
            written = written if name != "cat" else list(act.writes)
    for path in written:
        if (device := targets.device(path)) is not None:
            return Finding("destructive", "device", f"it writes to {device}")
    return None


def machine(act: Act, targets: Targets) -> Finding | None:
    """Stopping the machine, loading code into the kernel, changing what is mounted."""
    del targets
    name, args = base(act.argv[0]), act.argv[1:]
    stops = name in _POWER or (name in ("init", "telinit") and args[:1] in (["0"], ["6"], ["1"]))
    if stops or (name in ("systemctl", "loginctl") and _SYSTEMCTL_POWER & set(args)):
        return Finding("destructive", "power", "it stops the machine")
    if name in _MODULES or (name in ("mount", "umount", "swapoff") and args):
        return Finding("destructive", "kernel", f"{name} changes the running system")
    return None


def escapes(act: Act, targets: Targets) -> Finding | None:
    """Ways to run something outside the sandbox or to take it over."""
    del targets
    name, args = base(act.argv[0]), act.argv[1:]
    if name in _LAUNCHERS or name in _BUS:
        return Finding("self", "escape", f"{name} reaches outside the confinement of the command")
    if name == "systemctl" and "--user" in args and _SYSTEMCTL_USER & set(args):
        return Finding("self", "escape", "it runs a service outside the confinement of the command")
    if name == "launchctl" and args[:1] and args[0] in ("load", "bootstrap", "submit", "kickstart", "start"):
        return Finding("self", "persist", "it installs a service that outlives the command")
    if name == "crontab" and args not in (["-l"], ["--list"], []) and "--help" not in args:
        return Finding("self", "persist", "it installs work that runs later, outside the confinement of the command")
    if name == "tmux" and args and not _TMUX_QUERIES & set(args[:3]):
        return Finding("self", "terminal", "it types into or takes over the person's terminal")
    if (name == "screen" and "-X" in args) or name in ("xdotool", "ydotool", "wtype", "dotool"):
        return Finding("self", "terminal", "it types into the person's terminal")
    if name in ("docker", "podman", "nerdctl") and any(_opens_host(word) for word in args):
        return Finding("self", "escape", "the container would hold the whole host")
    if any("docker.sock" in word for word in args) and name not in ("ls", "stat", "test", "echo", "grep", "rg"):
        return Finding("self", "escape", "the container socket is as good as root on the host")
    return None


def _opens_host(word: str) -> bool:
    return (
        word in ("--privileged", "--pid=host", "--userns=host")
        or re.match(r"(?:-v|--volume=|--mount=.*src=)?/:", word) is not None
    )


def processes(act: Act, targets: Targets) -> Finding | None:
    """Signals to the runtime and debuggers attached to it."""
    del targets
    name, args = base(act.argv[0]), act.argv[1:]
    ours = any(word in ("$PPID", "1", "-1") for word in _signalled(args)) or any("$PPID" in word for word in args)
    if name in _KILLERS and (ours or name == "killall5" or any(_OUR_PROCESS.search(word) for word in args)):
        return Finding("self", "runtime", "it would end the runtime or every process")
    if name in ("pgrep", "pidof") and act.substituted and any(_OUR_PROCESS.search(word) for word in args):
        return Finding("self", "runtime", "it looks for the runtime's process to act on it")
    if name in _DEBUGGERS and ours and any(word.lstrip("-") in ("p", "pid", "attach", "attach-pid") for word in args):
        return Finding("self", "runtime", "it attaches to the runtime")
    if name in _DEBUGGERS and any(re.fullmatch(r"(?:-p|--pid=|attach )\$PPID", word) for word in args):
        return Finding("self", "runtime", "it attaches to the runtime")
    return None


def _signalled(args: Sequence[str]) -> list[str]:
    """What a kill is sent to: the words after the signal."""
    rest = list(args)
    if rest and re.fullmatch(r"-(?:[A-Za-z]\w*|\d+)", rest[0]) and len(rest) > 1:
        rest = rest[2:] if rest[0] in ("-s", "-n") else rest[1:]
    return [word for word in rest if word != "--"]


def shown_words(argv: Sequence[str]) -> list[str]:
    """The words of a command without the files that it uses as its own credentials."""
    flags = _USED_BY.get(base(argv[0]), _NONE)
    return [word for flag, word in pairwise(["", *argv]) if flag not in flags]


def secrets(act: Act, targets: Targets) -> Finding | None:
    """Reading keys of the person or of the runtime."""
    for path in act.reads:
        if (what := targets.key(path, act.folders)) is not None:
            return Finding("secrets", "secret", f"it reads {what} ({path})")
    if not act.argv:
        return None
    name, args = base(act.argv[0]), act.argv[1:]
    for command, *wanted in _SECRET_COMMANDS:
        if name == command and [word for word in args if word in wanted][: len(wanted)] == wanted:
            return Finding("secrets", "secret", f"{' '.join((command, *wanted))} shows stored secrets")
    if name == "aws" and args[:2] == ["configure", "get"] and any("secret" in w or "key" in w for w in args):
        return Finding("secrets", "secret", "it shows stored secrets")
    if name in _NAME_ONLY - {"rg", "grep", "git"}:
        return None
    for path in _paths(shown_words(act.argv)):
        if (what := targets.key(path, act.folders)) is not None:
            return Finding("secrets", "secret", f"it reads {what} ({path})")
    return None


def law(act: Act, targets: Targets) -> Finding | None:
    """Writing files that decide what runs: hooks, settings of agents and editors, login files, the system's."""
    for path in (*act.writes, *written(act.argv)):
        if (what := targets.law(path, act.folders)) is not None:
            return Finding("self", "protected", f"it writes {path}: {what}")
    if act.argv and base(act.argv[0]) == "git" and "config" in act.argv:
        keys = [word.lower() for word in act.argv]
        at = next((i for i, word in enumerate(keys) if word == "core.fsmonitor"), None)
        if at is not None and keys[at + 1 : at + 2] and keys[at + 1] not in ("true", "false", "0", "1"):
            return Finding("self", "protected", "it makes git run a program of the repository at every status")
    return None


def written(argv: Sequence[str]) -> Iterator[str]:
    """The files that a command writes by its arguments."""
    if not argv:
        return
    name, operands = base(argv[0]), _operands(argv)
    in_place = name in ("sed", "gsed", "perl", "ruby", "awk", "gawk") and any(
        re.match(r"-[a-zA-Z]*i|--in-place", word) for word in argv[1:]
    )
    if name in _COPIERS:
        targets = [word for flag, word in pairwise(argv) if flag in ("-t", "--target-directory")]
        joined = [word.partition("=")[2] for word in argv if word.startswith("--target-directory=")]
        yield from _destinations(operands, targets + joined)
    elif name == "dd":
        yield from (word[3:] for word in argv if word.startswith("of="))
    elif name in _WRITERS - {"perl", "ruby"} or in_place:
        yield from operands
    else:
        flags = _OUTPUT_FLAGS.get(name, frozenset())
        yield from (word for flag, word in pairwise(argv) if flag in flags)
        yield from (word.partition("=")[2] for word in argv if word.partition("=")[0] in flags)
        if name == "git" and "config" in argv:
            yield from (word for flag, word in pairwise(argv) if flag in ("-f", "--file"))


def _destinations(operands: Sequence[str], folders: Sequence[str]) -> Iterator[str]:
    if folders:
        for folder in folders:
            yield folder
            yield from (f"{folder}/{base(source)}" for source in operands)
    elif operands:
        yield operands[-1]
        yield from (f"{operands[-1].rstrip('/')}/{base(source)}" for source in operands[:-1])


def metadata(act: Act, targets: Targets) -> Finding | None:
    """The address at which clouds hand out credentials to whoever asks from the machine."""
    del targets
    if base(act.argv[0]) in _MENTIONS_ONLY:
        return None
    hosts = [_host(word) for word in act.argv[1:] if "." in word or ":" in word or word.isalnum()]
    if any(host.lower().rstrip(".") in _METADATA_HOSTS or _address(host) in _METADATA_ADDRESSES for host in hosts):
        return Finding("net", "metadata", "it asks the cloud's metadata service for credentials")
    return None


def _host(word: str) -> str:
    rest = word.partition("://")[2] or word
    rest = rest.partition("/")[0].rpartition("@")[2]
    if rest.startswith("["):
        inside = rest[1:].partition("]")[0]
        return inside.rpartition(":")[2] if "." in inside else inside
    return rest.partition(":")[0] if rest.count(":") == 1 else rest


def _address(host: str) -> int | None:
    """The IPv4 address as C libraries read it: one to four parts, decimal, octal or hexadecimal."""
    numbers: list[int] = []
    for part in host.split("."):
        if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", part):
            numbers.append(int(part, 16))
        elif re.fullmatch(r"0[0-7]{1,11}", part):
            numbers.append(int(part, 8))
        elif re.fullmatch(r"\d{1,10}", part):
            numbers.append(int(part))
        else:
            return None
    if not 1 <= len(numbers) <= 4 or (len(numbers) == 1 and numbers[0] < 1 << 24):
        return None
    *high, low = numbers
    total = low
    for place, number in enumerate(high):
        total += number << (24 - 8 * place)
    return total


def bomb(act: Act, targets: Targets) -> Finding | None:
    """A function that starts itself without end."""
    del targets
    if act.bomb:
        return Finding("destructive", "bomb", "it starts copies of itself without end")
    return None


Rule = Callable[[Act, Targets], Finding | None]

ON_EVERY_ACT: tuple[Rule, ...] = (bomb, devices, secrets, law)
ON_COMMANDS: tuple[Rule, ...] = (destroys, machine, escapes, processes, metadata)


def judge_act(act: Act, targets: Targets) -> Finding | None:
    """The first finding on an act."""
    for rule in ON_EVERY_ACT:
        if (found := rule(act, targets)) is not None:
            return found
    if act.argv:
        for rule in ON_COMMANDS:
            if (found := rule(act, targets)) is not None:
                return found
    return None
