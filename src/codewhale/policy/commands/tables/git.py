"""git: the forms of its commands that only read. They are safe only where git is run hardened (`HARDENED_GIT`).

Options before the command change what git trusts, so almost none is known. Operands are refs or paths: each is also
checked as a path, because git compares files outside the repository when it is given some.
"""

import re
from collections.abc import Callable, Sequence

from codewhale.policy.commands.grammar import Check, Grammar, Options, grammar
from codewhale.policy.commands.paths import Paths
from codewhale.policy.commands.verdict import Refused

_BEFORE = frozenset(
    {"--no-pager", "--no-optional-locks", "--literal-pathspecs", "--glob-pathspecs", "--icase-pathspecs"}
)

_DIFF_LONG = (
    "patch no-patch raw patch-with-stat name-only name-status numstat shortstat summary minimal patience histogram "
    "no-renames full-index binary ignore-space-change ignore-all-space ignore-blank-lines ignore-cr-at-eol "
    "ignore-space-at-eol text exit-code quiet check no-color no-ext-diff no-textconv pickaxe-all pickaxe-regex reverse "
    "function-context compact-summary cumulative no-prefix no-indent-heuristic find-copies-harder"
)
_DIFF_MAYBE = (
    "stat:word color:word word-diff:word dirstat:word color-words:text abbrev:num find-renames:word find-copies:word "
)
_DIFF_VALUE = (
    "S:text G:text U:num unified:num diff-filter:word diff-algorithm:word word-diff-regex:text inter-hunk-context:num "
)
_LOG_LONG = (
    "oneline graph all branches tags remotes no-merges merges first-parent reverse follow abbrev-commit no-abbrev-commit "
    "decorate no-decorate topo-order date-order author-date-order full-history simplify-merges cherry-pick cherry "
    "left-right boundary parents children no-notes relative-date invert-grep all-match regexp-ignore-case "
    "extended-regexp fixed-strings perl-regexp left-only right-only source walk-reflogs full-diff no-expand-tabs"
)
_LOG_VALUE = (
    "n:num max-count:num skip:num since:text after:text until:text before:text author:text committer:text grep:text "
)
_LOG_MAYBE = "decorate:word branches:text tags:text remotes:text "


def _layouts(options: Options, paths: Paths) -> None:
    del paths
    for name, value in options.given:
        if name in ("format", "pretty") and value and re.search(r"%G|%x|%\(trailers|%\(describe", value):
            raise Refused("git", "its format asks for signature checks or prints raw bytes", "ask.option")


def _plain_refs(options: Options, paths: Paths) -> None:
    for operand in options.operands:
        if "://" in operand or "::" in operand:
            raise Refused("git", f"{operand!r} names a remote", "ask.operands")
        for part in (operand, *operand.split(":")):
            if part:
                paths.readable(part)


def _history(options: Options, paths: Paths) -> None:
    _layouts(options, paths)
    for name, value in options.given:
        if name == "L" and value:
            paths.readable(value.rpartition(":")[2])
    _plain_refs(options, paths)


def _listing(options: Options, paths: Paths) -> None:
    del paths
    if options.operands and not options.has("list", "l"):
        raise Refused("git", "an operand without --list creates a ref", "ask.operands")


def _log() -> Grammar:
    return grammar(
        "git",
        "pusRwbaiEFPgzmctrMC",
        long=f"{_DIFF_LONG} {_LOG_LONG}",
        value=f"{_DIFF_VALUE} {_LOG_VALUE} format:text date:text L:text",
        maybe=f"{_DIFF_MAYBE} {_LOG_MAYBE} pretty:text",
        operands="text*",
        digits=True,
        also=_history,
    )


def _git(
    short: str = "",
    long: str = "",
    *,
    value: str = "",
    maybe: str = "",
    operands: str = "text*",
    also: Callable[[Options, Paths], None] = _plain_refs,
) -> Grammar:
    return grammar("git", short, long=long, value=value, maybe=maybe, operands=operands, also=also)


def _words(*allowed: str) -> Check:
    """Only the argument lists spelled here; `NAME` stands for one plain name."""
    forms = [form.split() for form in allowed]

    def check(args: Sequence[str], paths: Paths) -> None:
        del paths
        for form in forms:
            if len(form) == len(args) and all(_matches(part, arg) for part, arg in zip(form, args, strict=True)):
                return
        raise Refused("git", "this form of the command is not one of those that only read", "ask.git")

    return check


def _matches(part: str, arg: str) -> bool:
    if part.endswith("NUM") and re.fullmatch(part.replace("NUM", r"\d{1,6}"), arg):
        return True
    return part == arg or (part == "NAME" and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./@{}^~-]*", arg) is not None)


SUBCOMMANDS: dict[str, Grammar | Check] = {
    "status": _git(
        "sbvz",
        "short branch long verbose no-renames show-stash ahead-behind no-ahead-behind null",
        maybe="porcelain:word untracked-files:word ignored:word column:word",
    ),
    "diff": grammar(
        "git",
        "pusRwbaMCDz",
        long=f"{_DIFF_LONG} cached staged merge-base",
        value=_DIFF_VALUE,
        maybe=_DIFF_MAYBE,
        operands="text*",
        also=_plain_refs,
    ),
    "log": _log(),
    "show": _log(),
    "shortlog": _git(
        "sne", "summary numbered email all no-merges", value="since:text until:text author:text", operands="text text*"
    ),
    "whatchanged": _log(),
    "rev-list": _git("", f"{_LOG_LONG} count objects", value=_LOG_VALUE, operands="text text*"),
    "reflog": _words("", "show", "show NAME", "-NUM", "-n NUM", "show -NUM", "show -n NUM"),
    "rev-parse": _git(
        "q",
        "verify quiet show-toplevel git-dir git-common-dir absolute-git-dir is-inside-work-tree is-inside-git-dir "
        "is-bare-repository show-prefix show-cdup symbolic-full-name symbolic all branches tags remotes "
        "is-shallow-repository revs-only no-revs",
        maybe="short:num abbrev-ref:word",
    ),
    "ls-files": _git(
        "cdmosuktvz",
        "cached deleted modified others ignored stage unmerged killed exclude-standard full-name error-unmatch deduplicate eol",
        value="x:text exclude:text",
    ),
    "ls-tree": _git("drtlz", "long name-only name-status object-only full-name full-tree", operands="text text*"),
    "blame": _git(
        "lbtefnswcM",
        "show-stats show-number show-name show-email porcelain line-porcelain root",
        value="L:text",
        operands="text text*",
    ),
    "describe": _git(
        "",
        "tags all always long contains first-parent exact-match",
        value="match:text exclude:text candidates:num",
        maybe="abbrev:num dirty:word",
    ),
    "cat-file": _git("tspe", "", operands="text text?"),
    "merge-base": _git("a", "all is-ancestor fork-point octopus independent", operands="text text*"),
    "name-rev": _git("", "name-only tags always", operands="text text*"),
    "show-ref": _git("dsq", "head heads tags dereference verify quiet", maybe="hash:num abbrev:num"),
    "for-each-ref": _git(
        "",
        "",
        value="count:num sort:word contains:word merged:word no-merged:word points-at:word format:text",
        also=_history,
    ),
    "count-objects": _git("vH", "verbose human-readable", operands=""),
    "check-ignore": _git("vnq", "verbose non-matching quiet no-index", operands="text text*"),
    "grep": grammar(
        "git",
        "ivwnlLcqhHEFGPIaopW",
        long="ignore-case invert-match word-regexp line-number files-with-matches name-only files-without-match count quiet "
        "extended-regexp fixed-strings basic-regexp perl-regexp cached untracked full-name heading break show-function "
        "function-context only-matching all-match column and or not",
        value="A:num B:num C:num m:num e:text max-depth:num max-count:num threads:num",
        maybe="color:word",
        operands="text text*",
        without="e",
        also=_plain_refs,
    ),
    "diff-tree": grammar(
        "git",
        "prtRsmczv",
        long=f"{_DIFF_LONG} root no-commit-id",
        value=_DIFF_VALUE,
        maybe=_DIFF_MAYBE,
        operands="text text*",
        also=_plain_refs,
    ),
    "branch": _git(
        "avr",
        "all remotes verbose show-current list no-color no-column ignore-case",
        value="contains:word no-contains:word merged:word no-merged:word points-at:word sort:word",
        maybe="color:word",
        also=_listing,
    ),
    "tag": _git(
        "ln",
        "list no-column ignore-case",
        value="contains:word no-contains:word merged:word no-merged:word points-at:word sort:word",
        maybe="color:word",
        also=_listing,
    ),
    "remote": _words("", "-v", "--verbose", "get-url NAME"),
    "stash": _words("list"),
    "worktree": _words("list", "list --porcelain"),
    "symbolic-ref": _words("HEAD", "--short HEAD", "-q HEAD", "-q --short HEAD", "--short -q HEAD"),
    "config": _words("--get user.name", "--get user.email", "--get init.defaultBranch"),
    "version": _words(""),
}


def check_git(args: Sequence[str], paths: Paths) -> None:
    """Raise `Refused` unless this is a form of git that only reads."""
    rest = list(args)
    while rest and rest[0] in _BEFORE:
        rest.pop(0)
    if not rest:
        raise Refused("git", "git without a command")
    name = rest.pop(0)
    if name.startswith("-"):
        raise Refused("git", f"{name} before the command can change what git runs", "ask.option")
    known = SUBCOMMANDS.get(name)
    if known is None:
        raise Refused("git", f"git {name} is not on the list of git commands that only read", "ask.git")
    if isinstance(known, Grammar):
        known.check(rest, paths)
    else:
        known(rest, paths)


COMMANDS: dict[str, Check] = {"git": check_git}
