"""What confines a program: which places it may write, never write or never see, and which network it has.

Pure: from a policy, the workspace and the home directory to lists of absolute paths; nothing here looks at the disk, so a
list also names what does not exist yet. May a call run at all? That is another question, asked in `policy/`.
"""

import posixpath as paths
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from msgspec import Struct

Policy = Literal["read-only", "workspace-write", "danger-full-access", "external-sandbox"]
"""`read-only` writes to its temporary folder alone; `external-sandbox` means that something around us confines us."""

POLICY_WORDS: tuple[Policy, ...] = get_args(Policy)

Tier = Literal["bubblewrap", "landlock", "seatbelt", "external", "none"]
"""The mechanism, strongest first: bubblewrap and seatbelt are full, landlock is reduced, none is none."""

Network = Literal["off", "proxy", "host"]
"""`proxy` reaches the allow-list proxy at `Confinement.proxy` and nothing else; `host` is the machine's own network."""

PROTECTED_FOLDERS = (".git", ".codewhale", ".deepseek", ".veil", ".agents", ".claude", ".cursor", ".vscode")
PROTECTED_FILES = (".mcp.json",)
"""What steers git, codewhale, other agents or the editor: whoever writes there decides what runs later, outside."""

INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md")
"""What instructs an agent. Read-only for programs where it exists; the file tools ask a person instead."""

STEERING = frozenset((*PROTECTED_FOLDERS, *PROTECTED_FILES))
OWN = frozenset((".git", ".codewhale", ".deepseek", ".veil"))
"""The part of them that the file tools leave alone under every policy."""

RUN_BY_GIT = frozenset(("hooks", "config", "config.worktree", "modules", "worktrees"))
"""The part of `.git` that programs cannot write either: what git runs, or takes settings from."""

HIDDEN_AT_HOME = (
    *(".ssh", ".aws", ".gnupg", ".azure", ".kube", ".docker", ".password-store", ".oci"),
    *(
        ".codewhale",
        ".deepseek",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
        ".pgpass",
        ".my.cnf",
        ".vault-token",
    ),
    *(".config/gcloud", ".config/gh", ".config/git/credentials", ".config/op", ".config/containers", ".config/hub"),
    *(".config/google-chrome", ".config/chromium", ".mozilla", ".thunderbird", ".local/share/keyrings"),
    *(".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".terraform.d/credentials.tfrc.json"),
    *(".bash_history", ".zsh_history", ".python_history", ".psql_history"),
)
HIDDEN_SYSTEM = ("/run", "/var/run")
"""Credentials, and the folders where the sockets of other programs live."""


class Confinement(Struct, frozen=True, kw_only=True):
    """What holds for one program. All paths are absolute; `writable` counts with all beneath it but what is `protected`
    (readable, also protected while missing); `visible` stays readable wherever it lies; `hidden` cannot even be read. `proxy`
    is the socket for network "proxy"."""

    policy: Policy
    writable: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    network: Network = "off"
    proxy: str | None = None

    @property
    def confines(self) -> bool:
        """Whether codewhale itself has to hold the program."""
        return self.policy in ("read-only", "workspace-write")


class Surface(Struct, frozen=True, kw_only=True):
    """What the person configured: the strictest policy that is wanted, more folders to write, and more to hide."""

    policy: Policy | None = None
    writable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    network: Network = "off"
    proxy: str | None = None


_OF_MODE: dict[str, Policy] = {"plan": "read-only", "yolo": "danger-full-access"}


def policy_of(mode: str, configured: Policy | None) -> Policy:
    """Plan reads, whatever is said; else what the person's own settings say, and where they say nothing agent writes the
    workspace and yolo has full access."""
    usual = _OF_MODE.get(mode, "workspace-write")
    return usual if configured is None or mode == "plan" else configured


def confinement(policy: Policy, workspace: str, home: str | None, surface: Surface | None = None) -> Confinement:
    """The lists for `workspace`, an absolute real path, and the person's `home`."""
    surface = surface or Surface()
    if policy == "danger-full-access":
        return Confinement(policy=policy, writable=("/",), network="host")
    roots = _distinct((workspace, *surface.writable)) if policy != "read-only" else ()
    return Confinement(
        policy=policy,
        writable=roots,
        visible=() if roots else (workspace,),
        protected=_distinct(protected_in(roots)),
        hidden=_distinct((*hidden_of(home), *surface.hidden)),
        network="host" if policy == "external-sandbox" else surface.network,
        proxy=surface.proxy,
    )


def protected_in(roots: Iterable[str]) -> tuple[str, ...]:
    """The protected places at the top of each root."""
    return tuple(paths.join(root, name) for root in roots for name in (*PROTECTED_FOLDERS, *PROTECTED_FILES))


def hidden_of(home: str | None) -> tuple[str, ...]:
    """The places that no confined program sees."""
    if home is None or not paths.isabs(home):
        return HIDDEN_SYSTEM
    return (*HIDDEN_SYSTEM, *(paths.join(home, name) for name in HIDDEN_AT_HOME))


def within(path: str, root: str) -> bool:
    """Whether `path` is `root` or beneath it; both normal and absolute."""
    return path == root or path.startswith(root if root.endswith("/") else f"{root}/")


def hidden_below(held: Confinement, roots: Iterable[str]) -> tuple[str, ...]:
    """The hidden places that lie in one of `roots`; what a root itself lies in does not hide it."""
    inside = tuple(roots)
    return tuple(place for place in held.hidden if any(place != root and within(place, root) for root in inside))


def refused_write(held: Confinement, anchor: str, parts: Sequence[str]) -> str | None:
    """Why the file tools must not write the real place `parts` below `anchor`, in words that fit after its name; None when
    they may. What steers git or an agent is refused at any depth below, in any spelling that a file system takes for it."""
    path = paths.join(anchor, *parts)
    if held.policy == "read-only":
        return "cannot be written: the sandbox policy of this turn is read-only"
    steering = OWN if held.policy == "danger-full-access" else STEERING
    for part in parts:
        if part.rstrip(" .").casefold() in steering:
            return f"is inside {part}, which steers git, an agent or codewhale itself: nothing is written there"
    if not any(within(path, root) for root in held.writable):
        return "is outside the folders that the sandbox policy of this turn lets be written"
    if any(within(path, place) for place in hidden_below(held, (anchor,))):
        return "is in a place that the sandbox hides"
    return None


def kept_from_programs(workspace: str, path: str) -> str | None:
    """What the full cage keeps a program from at `path`: the name that steers something, at the top of the workspace."""
    if not within(path, workspace) or path == workspace:
        return None
    name, *below = (part.casefold() for part in paths.relpath(path, workspace).split("/"))
    if name not in STEERING:
        return None
    return name if name != ".git" or (below and below[0] in RUN_BY_GIT) else None


def _distinct(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths.normpath(path) for path in given))
