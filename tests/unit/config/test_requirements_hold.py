"""What a machine's requirements allow holds for every thread, whoever asks for more: a client of the API, a flag, a project."""

from pathlib import Path

from codewhale.config.settings import Required
from codewhale.policy.posture import Posture
from codewhale.runtime.rulebook import Rulebook, tightened

ASKING = Required(approval_policies=("on-request", "never"), paths=("r",))
CAGED = Required(sandbox_modes=("read-only", "workspace-write"), paths=("r",))
YOLO = Posture(mode="yolo", allow_shell=True, auto_approve=True, cage="danger-full-access")


def held(tmp_path: Path, required: Required, posture: Posture = YOLO) -> Posture:
    book = Rulebook(str(tmp_path / "permissions.toml"), None, required)
    return tightened(posture, book.limits(str(tmp_path)))


def test_nothing_is_approved_by_itself_where_that_is_not_allowed(tmp_path: Path) -> None:
    assert (held(tmp_path, ASKING).automatic, held(tmp_path, ASKING).never_ask) == (False, False)
    denying = held(tmp_path, Required(approval_policies=("never",)))
    assert (denying.automatic, denying.never_ask) == (False, True)
    assert held(tmp_path, Required(approval_policies=("auto",))) == YOLO


def test_no_cage_is_wider_than_the_widest_that_is_allowed(tmp_path: Path) -> None:
    assert held(tmp_path, CAGED).confined_to == "workspace-write"
    assert held(tmp_path, Required(sandbox_modes=("read-only",))).confined_to == "read-only"
    assert held(tmp_path, CAGED, Posture(mode="plan")).confined_to == "read-only"


def test_a_project_and_the_machine_both_tighten(tmp_path: Path) -> None:
    (tmp_path / ".deepseek").mkdir()
    (tmp_path / ".deepseek/config.toml").write_text('sandbox_mode = "read-only"\napproval_policy = "never"\n')
    found = held(tmp_path, Required(approval_policies=("on-request",), sandbox_modes=("workspace-write",)))
    assert (found.confined_to, found.automatic, found.never_ask) == ("read-only", False, True)


def test_without_requirements_nothing_changes(tmp_path: Path) -> None:
    assert held(tmp_path, Required()) == YOLO
