"""What an approval shows: both axes, and where files really are, spelled out and whole."""

from codewhale.domain.events import ApprovalRequired
from codewhale.surfaces.cli.asking import why

LONG = "/work/" + "d" * 300 + "/link.txt"


def asked(**more: object) -> ApprovalRequired:
    fields: dict[str, object] = {
        "id": "a",
        "approval_id": "a",
        "tool_name": "exec_shell",
        "description": "Run: x",
        **more,
    }
    return ApprovalRequired(**fields)  # pyright: ignore[reportArgumentType]


def test_both_axes_are_shown() -> None:
    found = why(
        asked(
            reason="a rule of yours wants it asked",
            matched_rule='permissions: ask "git push"',
            safety_reason="git push is not on the list of git commands that only read",
            confined_by="bubblewrap, workspace-write",
        )
    )
    assert found == [
        '  asked     a rule of yours wants it asked  [permissions: ask "git push"]',
        "  command   git push is not on the list of git commands that only read",
        "  confined  bubblewrap, workspace-write",
    ]


def test_a_missing_sandbox_is_said() -> None:
    assert why(asked(confined_by="none, workspace-write")) == [
        "  confined  not at all: programs run with all that you may do (workspace-write)"
    ]
    assert why(asked(confined_by="external, external-sandbox")) == [
        "  confined  by what surrounds codewhale (external-sandbox); nothing of its own"
    ]


def test_files_are_spelled_out_and_never_cut() -> None:
    found = why(
        asked(
            targets=(
                LONG,
                "/work/\u202etxt.exe",
                "/work/a\nb",
                "/work/\x1b[8mx",
                "/work/\u0430pple",
                "/work/\u043c\u0438\u0440",
            )
        )
    )
    assert found == [
        f"  file      {LONG}",
        "  file      /work/\\u202etxt.exe",
        "  file      /work/a\\nb",
        "  file      /work/\\x1b[8mx",
        "  file      /work/\\u0430pple",
        "  file      /work/\u043c\u0438\u0440",
    ]
