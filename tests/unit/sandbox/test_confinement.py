"""Which places a program may write, never write or never see: lists that follow from a policy, a workspace and a home."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.confinement import (
    OWN,
    POLICY_WORDS,
    STEERING,
    Policy,
    Surface,
    confinement,
    policy_of,
    refused_write,
    within,
)
from codewhale.domain.errors import ToolError
from codewhale.workspace.files import Files


@pytest.mark.parametrize(
    ("mode", "configured", "gets"),
    [
        ("plan", None, "read-only"),
        ("agent", None, "workspace-write"),
        ("yolo", None, "danger-full-access"),
        ("yolo", "workspace-write", "workspace-write"),
        ("yolo", "read-only", "read-only"),
        ("agent", "danger-full-access", "danger-full-access"),
        ("agent", "read-only", "read-only"),
        ("agent", "external-sandbox", "external-sandbox"),
        ("yolo", "external-sandbox", "external-sandbox"),
        ("plan", "external-sandbox", "read-only"),
        ("plan", "danger-full-access", "read-only"),
        ("anything else", None, "workspace-write"),
    ],
)
def test_the_mode_gives_the_policy_unless_the_person_set_one(mode: str, configured: Policy | None, gets: str) -> None:
    assert policy_of(mode, configured) == gets


@given(st.sampled_from(POLICY_WORDS))
def test_nothing_widens_plan_mode(configured: Policy) -> None:
    assert policy_of("plan", configured) == "read-only"


def test_workspace_write_writes_the_workspace_and_protects_what_steers() -> None:
    held = confinement("workspace-write", "/w", "/home/me", Surface(writable=("/more",), hidden=("/secret",)))
    assert held.writable == ("/w", "/more")
    assert {"/w/.git", "/w/.codewhale", "/w/.mcp.json", "/more/.vscode"} <= set(held.protected)
    assert {"/home/me/.ssh", "/home/me/.aws", "/run", "/secret"} <= set(held.hidden)
    assert held.network == "off"


def test_read_only_writes_nothing_but_still_sees_the_workspace() -> None:
    held = confinement("read-only", "/w", "/home/me")
    assert (held.writable, held.visible, held.protected) == ((), ("/w",), ())


def test_full_access_holds_nothing() -> None:
    held = confinement("danger-full-access", "/w", "/home/me")
    assert (held.confines, held.network) == (False, "host")


@given(st.sampled_from(sorted(STEERING)), st.lists(st.sampled_from(["a", "b c", "..x"]), max_size=3))
def test_what_steers_is_refused_at_any_depth_and_in_any_case(name: str, below: list[str]) -> None:
    held = confinement("workspace-write", "/w", None)
    for spelling in (name, name.upper(), f"{name} ", f"{name}."):
        assert refused_write(held, "/w", [*below, spelling, "file"]) is not None


def test_own_files_stay_protected_under_full_access() -> None:
    held = confinement("danger-full-access", "/w", None)
    assert [name for name in sorted(STEERING) if refused_write(held, "/w", [name, "x"])] == sorted(OWN)


@pytest.mark.parametrize(
    ("anchor", "parts", "why"),
    [("/w", ["src", "a.py"], None), ("/elsewhere", ["a"], "outside"), ("/w", ["keys", "k"], "hides")],
)
def test_only_writable_folders_and_nothing_hidden(anchor: str, parts: list[str], why: str | None) -> None:
    told = refused_write(confinement("workspace-write", "/w", None, Surface(hidden=("/w/keys",))), anchor, parts)
    assert told is None if why is None else why in (told or "")


def test_within_knows_where_a_name_ends() -> None:
    assert within("/w/a", "/w")
    assert within("/w", "/w")
    assert within("/w", "/")
    assert not within("/wide", "/w")


def test_the_file_tools_do_not_read_what_programs_do_not_see(tmp_path: Path) -> None:
    home = tmp_path.resolve()
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id").write_text("secret")
    (home / "plain").write_text("open")
    files = Files(str(home), held=confinement("workspace-write", str(home), str(home)))
    assert files.read("plain").content == b"open"
    with pytest.raises(ToolError, match="hidden"):
        files.read(".ssh/id")


def test_a_workspace_inside_a_hidden_place_is_not_hidden(tmp_path: Path) -> None:
    ws = tmp_path.resolve() / ".deepseek" / "ws"
    ws.mkdir(parents=True)
    (ws / "plain").write_text("open")
    files = Files(str(ws), held=confinement("workspace-write", str(ws), str(tmp_path.resolve())))
    assert files.read("plain").content == b"open"
    files.write("new", b"x", None)


@pytest.mark.parametrize("name", [".vscode/tasks.json", ".mcp.json", "sub/.git/hooks/pre-commit", ".claude/x"])
def test_the_file_tools_write_none_of_the_protected_names(tmp_path: Path, name: str) -> None:
    ws = str(tmp_path.resolve())
    with pytest.raises(ToolError, match="steers"):
        Files(ws, held=confinement("workspace-write", ws, None)).write(name, b"x", None)
    assert list(tmp_path.iterdir()) == []


def test_in_plan_mode_the_file_tools_write_nothing(tmp_path: Path) -> None:
    ws = str(tmp_path.resolve())
    with pytest.raises(ToolError, match="read-only"):
        Files(ws, held=confinement("read-only", ws, None)).write("a", b"x", None)
