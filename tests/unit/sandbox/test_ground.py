"""A confinement looked up on the disk: what is mounted how, and what refuses the whole command by name."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from codewhale.domain.confinement import Confinement, Surface, confinement
from codewhale.domain.errors import ToolError
from codewhale.workspace.sandbox.ground import MAX_PLACES, survey

Repository = Callable[[Path], Path]


def held(ws: Path, *, home: Path | None = None, surface: Surface | None = None) -> Confinement:
    return confinement("workspace-write", str(ws), str(home) if home else None, surface)


def access(ws: Path, **more: Path) -> dict[str, str]:
    ground = survey(held(ws, **more))  # pyright: ignore[reportArgumentType] - only `home`
    return {os.path.relpath(place.path, ws): place.access for place in ground.places if str(ws) in place.path}


def test_an_empty_workspace_is_writable_and_all_protected_names_are_missing(ws: Path) -> None:
    ground = survey(held(ws))
    assert access(ws) == {".": "write"}
    assert {os.path.basename(path) for path in ground.missing} == {
        *(".git", ".codewhale", ".deepseek", ".veil", ".agents", ".claude", ".cursor", ".vscode", ".mcp.json")
    }


def test_a_repository_can_be_committed_to_but_not_made_to_run_things(ws: Path, repository: Repository) -> None:
    git = repository(ws)
    (git / "modules").mkdir()
    (git / "worktrees").mkdir()
    assert access(ws) == {
        ".": "write",
        ".git": "write",
        ".git/config": "read",
        ".git/hooks": "read",
        ".git/modules": "read",
        ".git/worktrees": "read",
    }


def test_missing_hooks_are_kept_from_existing(ws: Path, repository: Repository) -> None:
    (repository(ws) / "hooks").rmdir()
    assert str(ws / ".git" / "hooks") in survey(held(ws)).missing


def test_hooks_that_the_configuration_has_elsewhere_are_protected(ws: Path, repository: Repository) -> None:
    (repository(ws) / "config").write_text("[core]\n\thooksPath = .husky/_\n")
    (ws / ".husky" / "_").mkdir(parents=True)
    assert access(ws)[".husky/_"] == "read"


@pytest.mark.parametrize("odd", ["no config", "commondir", "work tree settings"])
def test_an_odd_repository_is_read_only_as_a_whole(ws: Path, odd: str, repository: Repository) -> None:
    git = repository(ws)
    if odd == "no config":
        (git / "config").unlink()
    elif odd == "commondir":
        (git / "commondir").write_text("/elsewhere\n")
    else:
        (git / "config").write_text("[extensions]\n\tworktreeConfig = true\n")
    assert access(ws) == {".": "write", ".git": "read"}


def linked(ws: Path, repository: Repository, *, back: str) -> Path:
    """A work tree `ws` of a repository beside it, whose word on where the work tree is is `back`."""
    main = ws.parent / "main"
    own = repository(main) / "worktrees" / "ws"
    own.mkdir(parents=True)
    (own / "gitdir").write_text(f"{back}\n")
    (own / "commondir").write_text("../..\n")
    (ws / ".git").write_text(f"gitdir: {own}\n")
    return main


def test_a_linked_work_tree_counts_when_its_repository_points_back(ws: Path, repository: Repository) -> None:
    main = linked(ws, repository, back=str(ws / ".git"))
    found = {place.path: place.access for place in survey(held(ws)).places}
    assert found[str(ws / ".git")] == "read"
    assert found[str(main / ".git")] == found[str(main / ".git/worktrees/ws")] == "write"
    assert found[str(main / ".git/hooks")] == found[str(main / ".git/worktrees/ws/commondir")] == "read"


def test_a_hostile_checkout_cannot_make_another_repository_writable(ws: Path, repository: Repository) -> None:
    main = linked(ws, repository, back=str(ws.parent / "its-own" / ".git"))
    assert not [place for place in survey(held(ws)).places if str(main) in place.path]


@pytest.mark.parametrize("kind", ["link", "pipe", "linked parent"])
def test_a_protected_path_that_could_be_swapped_refuses_with_its_name(ws: Path, kind: str) -> None:
    given = held(ws)
    if kind == "link":
        (ws / ".claude").symlink_to(ws)
    elif kind == "pipe":
        os.mkfifo(ws / ".claude")
    else:
        (ws / "real").mkdir()
        (ws / "way").symlink_to(ws / "real")
        given = Confinement(policy="workspace-write", writable=(str(ws),), protected=(str(ws / "way" / ".claude"),))
    with pytest.raises(ToolError, match=r"sandbox_setup_failed: .*\.claude") as raised:
        survey(given)
    assert raised.value.category == "sandbox_setup_failed"


@pytest.mark.parametrize("root", ["missing", "a link", "/"])
def test_a_root_that_is_not_what_it_says_refuses(ws: Path, root: str) -> None:
    (ws.parent / "a link").symlink_to(ws)
    with pytest.raises(ToolError, match="sandbox_setup_failed"):
        survey(Confinement(policy="workspace-write", writable=(os.path.join(ws.parent, root),)))


def test_too_many_places_refuse(ws: Path) -> None:
    for number in range(MAX_PLACES):
        (ws / f"d{number}").mkdir()
    hidden = tuple(str(ws / f"d{number}") for number in range(MAX_PLACES))
    with pytest.raises(ToolError, match="are the limit"):
        survey(held(ws, surface=Surface(hidden=hidden)))


def test_secrets_at_home_are_hidden_where_they_exist(ws: Path) -> None:
    home = ws.parent / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".netrc").write_text("machine x password y\n")
    found = {place.path: (place.access, place.folder) for place in survey(held(ws, home=home)).places}
    assert found[str(home / ".ssh")] == ("hide", True)
    assert found[str(home / ".netrc")] == ("hide", False)
    assert str(home / ".aws") not in found


def test_what_is_beneath_comes_after_what_is_above(ws: Path, repository: Repository) -> None:
    home = ws / "home"
    (home / ".ssh").mkdir(parents=True)
    repository(ws)
    paths = [place.path for place in survey(held(ws, home=home)).places]
    assert all(
        paths.index(above) < at for at, path in enumerate(paths) for above in paths if path.startswith(above + "/")
    )


def test_instructions_are_read_only_where_they_exist(ws: Path) -> None:
    (ws / "CLAUDE.md").write_text("be kind\n")
    (ws / "AGENTS.md").symlink_to("CLAUDE.md")
    assert access(ws) == {".": "write", "CLAUDE.md": "read"}
