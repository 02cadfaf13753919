"""The rules on what flows between acts of one statement: network or decoded text run as a program, secrets sent away."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from codewhale.policy.commands.deny.rules import Finding, shown_words
from codewhale.policy.commands.deny.scan import Act
from codewhale.policy.commands.deny.unwrap import INTERPRETERS, SHELLS, base, reads_program_from_input
from codewhale.policy.commands.paths import secret_name

_FETCHERS = frozenset("curl wget fetch aria2c lynx links w3m http https xh nc ncat netcat socat ftp tftp".split())
_SENDERS = _FETCHERS | frozenset(
    "ssh scp sftp rsync telnet mail mailx sendmail dig nslookup host ping curlie rclone aws gsutil gh".split()
)
_ENVIRONMENT = frozenset("env printenv export declare typeset set".split())


def judge_flows(acts: Sequence[Act]) -> tuple[Act, Finding] | None:
    """The first finding on how acts of the same statement feed each other, with the act to blame."""
    groups: dict[int, list[Act]] = {}
    for act in acts:
        groups.setdefault(act.group, []).append(act)
    for group in groups.values():
        if len(group) > 1 or group[0].argv:
            found = _program_from_outside(group) or _secret_sent(group)
            if found is not None:
                return found
    return _downloaded_then_run(acts)


def _program_from_outside(group: Sequence[Act]) -> tuple[Act, Finding] | None:
    sources = [act for act in group if act.argv and (_fetches(act.argv) or _decodes(act.argv))]
    if not sources:
        return None
    for act in group:
        if not act.argv or act in sources:
            continue
        takes = reads_program_from_input(act.argv) or _templated(act)
        fed = takes and any(source.stage < act.stage or source.substituted for source in sources)
        if fed or (any(source.substituted for source in sources) and _runs_argument(act.argv)):
            kind = "text from the network" if any(_fetches(s.argv) for s in sources) else "decoded text"
            return act, Finding("net", "remote_code", f"it runs {kind} as a program")
    return None


def _templated(act: Act) -> bool:
    """`xargs sh -c {}`: the words that come in are the program."""
    return act.inner and base(act.argv[0]) in SHELLS and ("{}" in act.argv or act.argv[-1].endswith("c"))


def _fetches(argv: Sequence[str]) -> bool:
    return base(argv[0]) in _FETCHERS


def _decodes(argv: Sequence[str]) -> bool:
    name, args = base(argv[0]), argv[1:]
    if name in ("base64", "base32", "basenc", "uudecode", "b64decode"):
        return name == "uudecode" or any(
            word in ("-d", "-D", "--decode", "-di", "-id") or "--d" in word for word in args
        )
    if name == "openssl":
        return "-d" in args
    return name == "xxd" and any(word.startswith("-") and "r" in word for word in args)


def _runs_argument(argv: Sequence[str]) -> bool:
    name = base(argv[0])
    if name in ("eval", ".", "source"):
        return True
    if "\ufffc" in argv[0]:
        return True
    plain = name.rstrip("0123456789.")
    if name in SHELLS:
        return any(word.startswith("-") and word.endswith("c") for word in argv[1:]) or any(
            word.startswith("/dev/fd/") for word in argv[1:]
        )
    return plain in INTERPRETERS and any(word in ("-c", "-e", "-r") or word.startswith("/dev/fd/") for word in argv[1:])


def _secret_sent(group: Sequence[Act]) -> tuple[Act, Finding] | None:
    sender = next((act for act in group if act.argv and base(act.argv[0]) in _SENDERS), None)
    if sender is None:
        return None
    for act in group:
        if act is not sender and _prints_environment(act, group):
            return sender, Finding("secrets", "exfiltration", "it sends the environment, with its keys, to the network")
        if any(secret_name(_file(path)) for path in _mentioned(act, sender=act is sender)):
            return sender, Finding("secrets", "exfiltration", "it sends a file that holds secrets to the network")
    return None


def _prints_environment(act: Act, group: Sequence[Act]) -> bool:
    if not act.argv or act.inner or base(act.argv[0]) not in _ENVIRONMENT or len(act.argv) > 2:
        return False
    return not any(other.inner and other.text == act.text for other in group)


def _mentioned(act: Act, *, sender: bool) -> Iterable[str]:
    yield from act.reads
    for word in shown_words(act.argv)[1:] if act.argv else ():
        value = word.partition("=")[2] if "=" in word else word
        # a sender's plain operands are places to fetch from, unless a mark says that a file's content is meant
        if "@" in word or not sender or "=" in word or not ("://" in word or word.startswith("-")):
            yield value


def _file(path: str) -> str:
    return path.rpartition("@")[2].partition(";")[0]


def _downloaded_then_run(acts: Sequence[Act]) -> tuple[Act, Finding] | None:
    fetched: set[str] = set()
    for act in acts:
        if act.argv and _fetches(act.argv):
            fetched |= set(_downloads(act.argv))
            fetched |= {
                path for other in acts if other.group == act.group for path in other.writes if path != "/dev/null"
            }
        elif act.argv and fetched and _starts_one_of(act.argv, fetched):
            return act, Finding("net", "remote_code", "it runs what it has just downloaded")
    return None


def _downloads(argv: Sequence[str]) -> Iterable[str]:
    for flag, word in pairwise(argv):
        if flag in ("-o", "--output", "-O", "--output-document") or (flag.startswith("-") and flag.endswith("o")):
            yield word.removeprefix("./")
    if base(argv[0]) == "wget" or any(word.startswith("-") and "O" in word for word in argv[1:]):
        yield from (base(word) for word in argv[1:] if "://" in word)


def _starts_one_of(argv: Sequence[str], files: set[str]) -> bool:
    if argv[0].removeprefix("./") in files:
        return True
    name = base(argv[0])
    runs = name in SHELLS or name in ("source", ".") or name.rstrip("0123456789.") in INTERPRETERS
    return runs and any(word.removeprefix("./") in files for word in argv[1:3])
