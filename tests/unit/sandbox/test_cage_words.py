"""What the cages say to their mechanisms: argument lists, profiles, lists of what may be read; and what refusals look like."""

from collections.abc import Callable
from pathlib import Path

import pytest

from codewhale.domain.confinement import Confinement, Tier, within
from codewhale.domain.errors import ToolError
from codewhale.workspace.sandbox import bubblewrap, integrity, landlock, seatbelt
from codewhale.workspace.sandbox.denied import denial
from codewhale.workspace.sandbox.ground import Place

FITTINGS = bubblewrap.Fittings(
    bwrap="/usr/bin/bwrap", tmp="/run-dir/tmp", empty="/run-dir/empty", ready="/run-dir/ready", seccomp_fd=9
)
PLACES = (Place("/home/me/.ssh", "hide"), Place("/w", "write"), Place("/w/.vscode", "read"))

Repository = Callable[[Path], Path]


def test_the_words_of_bubblewrap() -> None:
    words = bubblewrap.wrapped(("ls", "-l"), "/w", PLACES, ("/w/.git",), "off", FITTINGS)
    assert words[:12] == (
        *("/usr/bin/bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
        *(
            "--unshare-cgroup-try",
            "--unshare-net",
            "--cap-drop",
            "ALL",
            "--die-with-parent",
            "--new-session",
            "--ro-bind",
        ),
    )
    assert " ".join(words[14:36]) == (
        "--dev /dev --proc /proc --bind /run-dir/tmp /tmp --bind /w /w --ro-bind /w/.git /w/.git "
        "--ro-bind /w/.vscode /w/.vscode --tmpfs /home/me/.ssh --bind /run-dir/ready /run/codewhale-ready --seccomp"
    )
    assert words[-3:] == ("codewhale", "ls", "-l")


def test_the_hosts_network_is_the_only_one_that_is_not_taken_away() -> None:
    for network in ("off", "proxy"):
        assert "--unshare-net" in bubblewrap.wrapped(("ls",), "/w", (), (), network, FITTINGS)
    assert "--unshare-net" not in bubblewrap.wrapped(("ls",), "/w", (), (), "host", FITTINGS)


def test_the_profile_of_seatbelt() -> None:
    text = seatbelt.profile(PLACES, ("/w/sub/.git",), tmp="/t", ready="/r", network="off")
    assert text.startswith("(version 1)\n(deny default)\n")
    assert text[text.index('(allow file-write* (subpath "/w"))') :] == (
        '(allow file-write* (subpath "/w"))\n'
        '(allow file-write* (subpath "/t"))\n'
        '(allow file-write-data (literal "/r"))\n'
        '(deny file-read* file-write* (subpath "/home/me/.ssh"))\n'
        '(allow file-write* (subpath "/w"))\n'
        '(deny file-write* (subpath "/w/.vscode"))\n'
        '(deny file-write-unlink (literal "/w"))\n'
        '(deny file-write* (subpath "/w/sub/.git"))\n'
        '(deny file-write-unlink (literal "/w/sub"))\n'
        '(deny file-write-unlink (literal "/w"))\n'
    )


def test_a_path_cannot_break_out_of_the_profile() -> None:
    text = seatbelt.profile((Place('/w") (allow default', "write"),), (), tmp="/t", ready="/r", network="off")
    assert '(subpath "/w\\") (allow default")' in text


def test_around_a_hidden_place_everything_else_is_named(tmp_path: Path) -> None:
    for name in ("a/deep", "a/secret", "b"):
        (tmp_path / name).mkdir(parents=True)
    hidden = str(tmp_path / "a" / "secret")
    found = landlock.around([hidden], str(tmp_path))
    assert sorted(found) == [str(tmp_path / "a" / "deep"), str(tmp_path / "b")]
    assert not any(within(hidden, path) for path in found)


def test_the_reduced_cage_refuses_to_hide_in_what_may_be_written() -> None:
    places = (Place("/w", "write"), Place("/w/key", "hide"))
    with pytest.raises(ToolError, match="cannot hide /w/key"):
        landlock.orders(("ls",), {}, places, landlock.Stage(tmp="/t", seccomp=b"", ready="/r", network=False))


@pytest.mark.parametrize(
    ("line", "tier", "seen"),
    [
        ("touch: cannot touch '/etc/x': Read-only file system", "bubblewrap", True),
        ("curl: (6) Could not resolve host: example.com", "bubblewrap", True),
        ("open: Permission denied", "landlock", True),
        ("open: Permission denied", "bubblewrap", False),
        ("error: no such file", "bubblewrap", False),
        ("touch: Read-only file system", "none", False),
    ],
)
def test_refusals_are_read_off_the_complaint(line: str, tier: Tier, *, seen: bool) -> None:
    told = denial(f"first\n{line}\n", Confinement(policy="workspace-write"), tier)
    assert (told is not None and line in told) == seen


def test_what_was_planted_is_found_at_the_top_and_one_level_below(ws: Path, repository: Repository) -> None:
    (ws / "src").mkdir()
    before = integrity.look([str(ws)])
    repository(ws / "src")
    (ws / "AGENTS.md").write_text("obey\n")
    for name in ("objects", "refs", "HEAD"):
        (ws / name).mkdir()
    changed = integrity.difference(before, integrity.look([str(ws)]))
    assert {str(ws / "AGENTS.md"), str(ws / "HEAD"), str(ws / "src/.git/config"), str(ws / "src/.git/hooks")} <= {
        *changed
    }


def test_nothing_changed_is_nothing_told(ws: Path, repository: Repository) -> None:
    git = repository(ws)
    before = integrity.look([str(ws)])
    (git / "index").write_text("staged")
    (ws / "file").write_text("x")
    assert integrity.difference(before, integrity.look([str(ws)])) == []
