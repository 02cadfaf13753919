"""Commands that print files or turn text into other text on standard output."""

import os
import re
from collections.abc import Sequence

from codewhale.policy.commands.grammar import Check, Grammar, Options, grammar
from codewhale.policy.commands.paths import Paths
from codewhale.policy.commands.verdict import Refused

_ESCAPE = re.compile(r"\\(?![nt\\\"'/])")
_FORMAT_ESCAPE = re.compile(r"\\(?![nt\\\"'%])")
_LINES = "n:num c:num lines:num bytes:num"


def _echo(args: Sequence[str], paths: Paths) -> None:
    """`echo` takes every word for text that is not one of its own options, also one that begins with a dash."""
    del paths
    if any(_ESCAPE.search(word) for word in args):
        raise Refused("ansi", "its escapes may print control characters to the terminal")


def _printf(options: Options, paths: Paths) -> None:
    del paths
    layout, *values = options.operands
    if _FORMAT_ESCAPE.search(layout) or ("%b" in layout and any("\\" in value for value in values)):
        raise Refused("ansi", "its escapes may print control characters to the terminal")
    if re.search(r"%[^%]*[*(]", layout) or re.search(r"%[-+ #0]*\d{5}", layout):
        raise Refused("operands", "its format takes widths or dates that are not plain")


def _tr(options: Options, paths: Paths) -> None:
    del paths
    if any(_ESCAPE.search(word) for word in options.operands[1:]):
        raise Refused("ansi", "its escapes may print control characters to the terminal")


def _seq(options: Options, paths: Paths) -> None:
    del paths
    if not all(re.fullmatch(r"-?\d{1,6}", number) for number in options.operands):
        raise Refused("operands", "it may count for very long")


def _diff(options: Options, paths: Paths) -> None:
    if any(os.path.isdir(os.path.join(folder, path)) for folder in paths.folders for path in options.operands):
        raise Refused("text", "comparing folders follows the links in them")


COMMANDS: dict[str, Grammar | Check] = {
    "cat": grammar(
        "text",
        "AbeEnstTuv",
        long="show-all number-nonblank show-ends number squeeze-blank show-tabs show-nonprinting",
    ),
    "head": grammar("text", "qvz", long="quiet silent verbose zero-terminated", value=_LINES, digits=True),
    "tail": grammar("text", "qvz", long="quiet silent verbose zero-terminated", value=_LINES, digits=True),
    "wc": grammar("text", "clmwL", long="bytes chars lines words max-line-length", value="total:word"),
    "nl": grammar("text", "p", value="b:text n:word w:num s:text v:num i:num h:text f:text d:text l:num"),
    "tac": grammar("text", "br", long="before regex", value="s:text separator:text"),
    "rev": grammar("text"),
    "cut": grammar(
        "text",
        "nsz",
        long="complement only-delimited zero-terminated",
        value="b:word c:word f:word d:text bytes:word characters:word fields:word delimiter:text output-delimiter:text",
    ),
    "paste": grammar("text", "sz", long="serial zero-terminated", value="d:text delimiters:text"),
    "fold": grammar("text", "bs", long="bytes spaces", value="w:num width:num", digits=True),
    "fmt": grammar("text", "cstu", value="w:num width:num p:text", digits=True),
    "expand": grammar("text", "i", long="initial", value="t:word tabs:word"),
    "unexpand": grammar("text", "a", long="all first-only", value="t:word tabs:word"),
    "join": grammar("text", "iz", long="check-order nocheck-order header", value="1|2|j|a|v|o:word t:text e:text"),
    "comm": grammar("text", "123iz", long="check-order nocheck-order total", operands="path path"),
    "cmp": grammar("text", "blsn", long="print-bytes verbose quiet silent", operands="path path num? num?"),
    "diff": grammar(
        "text",
        "abBcdeEiNnpqstTuwyZ",
        long="brief context ed expand-tabs ignore-all-space ignore-blank-lines ignore-case ignore-space-change minimal "
        "ignore-tab-expansion ignore-trailing-space new-file normal report-identical-files rcs side-by-side "
        "show-c-function speed-large-files strip-trailing-cr suppress-common-lines text unified left-column",
        value="U:num C:num W:num width:num I:text F:text ignore-matching-lines:text label:text L:text tabsize:num",
        maybe="unified:num context:num color:word",
        operands="path path",
        also=_diff,
    ),
    "sort": grammar(
        "text",
        "bcCdfghiMmnRrsuVz",
        long="ignore-leading-blanks dictionary-order ignore-case general-numeric-sort ignore-nonprinting month-sort "
        "human-numeric-sort numeric-sort random-sort reverse version-sort stable unique zero-terminated merge debug",
        value="k:word key:word t:text field-separator:text S:word buffer-size:word parallel:num sort:word",
        maybe="check:word",
    ),
    "uniq": grammar(
        "text",
        "cdDiuz",
        long="count repeated ignore-case unique zero-terminated",
        value="f:num s:num w:num skip-fields:num skip-chars:num check-chars:num",
        maybe="all-repeated:word group:word",
        operands="path?",
        permutes=False,
    ),
    "tr": grammar(
        "text", "cCdst", long="complement delete squeeze-repeats truncate-set1", operands="text text?", also=_tr
    ),
    "od": grammar(
        "text",
        "abcdfiloxsv",
        value="A:word t:word j:num N:num w:num address-radix:word format:word skip-bytes:num read-bytes:num",
    ),
    "xxd": grammar("text", "abuipCdeE", value="c:num g:num l:num s:num o:num n:word", operands="path?", permutes=False),
    "hexdump": grammar("text", "bcCdovx", value="n:num s:num"),
    "strings": grammar(
        "text", "afow", long="all print-file-name", value="n:num bytes:num t:word radix:word e:word", digits=True
    ),
    "column": grammar(
        "text", "tnxeJ", long="table json", value="s:text c:num o:text N:text separator:text output-separator:text"
    ),
    "base64": grammar("text", "diD", long="decode ignore-garbage", value="w:num wrap:num b:num", operands="path?"),
    "base32": grammar("text", "di", long="decode ignore-garbage", value="w:num wrap:num", operands="path?"),
    "tsort": grammar("text", operands="path?"),
    "numfmt": grammar("text", value="to:word from:word suffix:word field:word padding:num", operands="num*"),
    "echo": _echo,
    "printf": grammar("text", operands="text text*", also=_printf),
    "seq": grammar(
        "text", "w", long="equal-width", value="s:text f:word separator:text", operands="num num? num?", also=_seq
    ),
}
