"""The reader's own view of words, chains and redirects."""

import pytest

from codewhale.policy.commands.reader import Reader
from codewhale.policy.commands.verdict import Refused


def words(text: str) -> list[list[str]]:
    return [[word.value for word in command.words] for command in Reader(text).read()]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("ls -la a.txt", [["ls", "-la", "a.txt"]]),
        ("  ls\t-l  ", [["ls", "-l"]]),
        ("echo 'a b'\"c d\"e", [["echo", "a bc de"]]),
        ("echo a\\;b \\'", [["echo", "a;b", "'"]]),
        ('echo "\\"; touch x; echo \\""', [["echo", '"; touch x; echo "']]),
        ('echo "a\\nb"', [["echo", "a\\nb"]]),
        ("grep \"foo$\" 'a$'", [["grep", "foo$", "a$"]]),
        ("ls; pwd\nid", [["ls"], ["pwd"], ["id"]]),
        ("ls | wc -l && pwd || id", [["ls"], ["wc", "-l"], ["pwd"], ["id"]]),
        ("ls # rm -rf x", [["ls"]]),
        ("echo a#b", [["echo", "a#b"]]),
        ("git show HEAD~2 HEAD^ HEAD@{1}", [["git", "show", "HEAD~2", "HEAD^", "HEAD@{1}"]]),
        ("[ -f a ]", [["[", "-f", "a", "]"]]),
        ("! grep x a", [["grep", "x", "a"]]),
        ("cat <<'EOF'\n$(touch x)\nEOF\nls", [["cat"], ["ls"]]),
    ],
)
def test_what_is_read(text: str, read: list[list[str]]) -> None:
    assert words(text) == read


def test_redirects_are_kept_apart_from_words() -> None:
    (command,) = Reader("cat a 2>/dev/null >&2 <b").read()
    assert [w.value for w in command.words] == ["cat", "a"]
    assert [(r.descriptor, r.operator, r.target.value) for r in command.redirects] == [
        ("2", ">", "/dev/null"),
        ("", ">&", "2"),
        ("", "<", "b"),
    ]


@pytest.mark.parametrize(
    ("text", "class_"),
    [
        ("echo $x", "subst"),
        ('echo "$x"', "subst"),
        ("echo `x`", "subst"),
        ("echo {a,b}", "subst"),
        ("cat <(ls)", "subst"),
        ("ls *", "glob"),
        ("ls ~", "path"),
        ("x=1 ls", "env"),
        ("ls &", "control"),
        ("(ls)", "control"),
        ("if x", "control"),
        ("cat <<E\nE\n", "redirect"),
        ("cat <<'E'\nno end", "heredoc"),
        (">a", "redirect"),
        ("ls >", "parser"),
        ("ls |", "parser"),
        ("ls ;; ls", "parser"),
        ("echo 'a", "parser"),
        ("ls \\\n-l", "quoting"),
    ],
)
def test_what_is_not_read(text: str, class_: str) -> None:
    with pytest.raises(Refused) as refused:
        Reader(text).read()
    assert refused.value.class_ == class_
