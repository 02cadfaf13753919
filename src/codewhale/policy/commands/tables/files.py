"""Commands that list and describe files. None of them may follow links out of the workspace or write."""

from codewhale.policy.commands.grammar import Grammar, grammar

_DIGEST = grammar("files", "btz", long="binary text zero tag")
_NAME = grammar("files", "az", value="s:text suffix:text", long="multiple zero", operands="text text*")

COMMANDS: dict[str, Grammar] = {
    "ls": grammar(
        "files",
        "aAbBcCdFfgGhiklmnopqQrRsStuUvxXZ1",
        long="all almost-all author escape ignore-backups directory dired group-directories-first no-group human-readable "
        "si inode kibibytes numeric-uid-gid literal hide-control-chars quote-name reverse recursive size context zero",
        maybe="color:word classify:word",
        value="format:word sort:word time:word time-style:text indicator-style:word quoting-style:word hide:text ignore:text "
        "block-size:word",
    ),
    "pwd": grammar("files", "LP", operands=""),
    "stat": grammar("files", "tx", long="terse", value="c:text format:text"),
    "file": grammar(
        "files",
        "bihkLNnrvE0",
        long="brief mime mime-type mime-encoding dereference no-dereference no-pad keep-going raw",
    ),
    "du": grammar(
        "files",
        "abcghklmsSxP0",
        long="all apparent-size bytes total human-readable si kibibytes separate-dirs summarize one-file-system null "
        "no-dereference inodes",
        value="d:num max-depth:num B:word block-size:word threshold:num exclude:text time-style:text",
        maybe="time:word",
    ),
    "df": grammar("files", "ahHiklmPT", long="all human-readable si inodes local portability print-type total"),
    "basename": _NAME,
    "dirname": grammar("files", "z", long="zero", operands="text text*"),
    "realpath": grammar(
        "files",
        "ePmLsqz",
        long="canonicalize-existing canonicalize-missing logical physical quiet strip no-symlinks zero",
        value="relative-to:path relative-base:path",
        operands="path path*",
    ),
    "readlink": grammar(
        "files", "femnqsvz", long="canonicalize no-newline quiet silent verbose zero", operands="path path*"
    ),
    "md5sum": _DIGEST,
    "sha1sum": _DIGEST,
    "sha224sum": _DIGEST,
    "sha256sum": _DIGEST,
    "sha384sum": _DIGEST,
    "sha512sum": _DIGEST,
    "b2sum": _DIGEST,
    "shasum": grammar("files", "bt", value="a:num algorithm:num"),
    "cksum": grammar("files"),
    "sum": grammar("files", "rs"),
    "tree": grammar(
        "files",
        "adfxpsughDFrtcUvQqNiACSnJX",
        long="dirsfirst filesfirst du si prune noreport inodes device gitignore matchdirs ignore-case",
        value="L:num P:text I:text filelimit:num",
    ),
}
