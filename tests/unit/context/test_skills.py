"""Skills on disk: which directory counts, how the head is read, and that nothing outside is."""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from codewhale.context.front_matter import front_matter
from codewhale.context.places import IN_WORKSPACE
from codewhale.context.skill_list import BUDGET, LEAD, skill_list
from codewhale.context.skills import MAX_BYTES, FoundSkills, companion, find_skills, skill_text
from codewhale.domain.errors import ToolError


def skill(folder: Path, text: str) -> str:
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(text)
    return str(folder / "SKILL.md")


def found(tmp_path: Path) -> FoundSkills:
    (tmp_path / "workspace").mkdir(exist_ok=True)
    return find_skills(str(tmp_path / "workspace"), [str(tmp_path / "own")])


@pytest.mark.parametrize(
    ("head", "description"),
    [
        ("description: Plain words", "Plain words"),
        ("description: Use when: a colon follows  # a remark", "Use when: a colon follows"),
        ("description: folds\n  over\n  lines", "folds over lines"),
        ('description: "quoted \\"twice\\": \\u00e9"', 'quoted "twice": é'),
        ("description: 'it''s'", "it's"),
        ("description: >-\n  folded\n  text\n\n  more", "folded text\nmore"),
        ("description: |\n  kept\n    as\n  it is\n", "kept\n  as\nit is"),
        ("tags:\n  - a\n  - b\nmap: {a: 1}\ndescription: after a list", "after a list"),
        ("description:", ""),
    ],
)
def test_the_head_of_a_skill(head: str, description: str) -> None:
    fields, body = front_matter(f"---\nname: n\n{head}\n---\nBody\n")
    assert (fields["name"], fields["description"], body) == ("n", description, "Body")


@pytest.mark.parametrize("text", ["", "No head\n---\n", "---\nname: never closed\n"])
def test_a_text_without_a_head_is_all_body(text: str) -> None:
    assert front_matter(text) == ({}, text)


def test_a_skill_ends_the_descent_and_hidden_directories_are_skipped(tmp_path: Path) -> None:
    own = tmp_path / "own"
    outer = skill(own / "a", "---\nname: outer\n---\n")
    skill(own / "a" / "inner", "---\nname: inner\n---\n")
    skill(own / ".hidden", "---\nname: hidden\n---\n")
    assert [(s.name, s.path) for s in found(tmp_path).skills] == [("outer", outer)]


def test_of_two_skills_with_one_name_the_first_counts_and_the_other_is_told(tmp_path: Path) -> None:
    first = skill(tmp_path / "own" / "a", "---\nname: same\n---\n")
    skill(tmp_path / "own" / "b", "---\nname: same\n---\n")
    listed = found(tmp_path)
    assert ([s.path for s in listed.skills], len(listed.warnings)) == ([first], 1)


def test_nothing_outside_is_read_through_links(tmp_path: Path) -> None:
    secret = skill(tmp_path / "outside" / "x", "---\nname: secret\ndescription: s3cret\n---\n")
    own = tmp_path / "own"
    (own / "linked_file").mkdir(parents=True)
    (own / "linked_file" / "SKILL.md").symlink_to(secret)
    (own / "linked_folder").symlink_to(tmp_path / "outside" / "x")
    skill(own / "real", "---\nname: real\n---\n")
    (own / "inside").symlink_to(own / "real")
    listed = found(tmp_path)
    assert [s.name for s in listed.skills] == ["real"]
    assert "s3cret" not in str(listed)
    assert len(listed.warnings) == 3


def test_a_directory_that_leads_out_of_the_workspace_is_passed_over(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    skill(tmp_path / "outside" / "x", "---\nname: outsider\n---\n")
    (workspace / ".agents").symlink_to(tmp_path / "outside")
    (workspace / "skills").symlink_to(tmp_path / "outside")
    listed = found(tmp_path)
    assert (listed.directory, listed.skills) == (str(tmp_path / "own"), ())
    assert len(listed.warnings) == 1


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MAX_BYTES + 1), b"---\ndescription: nameless\n---\n"])
def test_what_cannot_be_used_is_a_warning(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "own" / "bad"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_bytes(content)
    listed = found(tmp_path)
    assert (listed.skills, len(listed.warnings)) == ((), 1)


def test_all_places_are_searched_and_of_two_with_one_name_the_first_counts(tmp_path: Path) -> None:
    workspace, mine, own = tmp_path / "workspace", tmp_path / "agents", tmp_path / "own"
    for at, place in enumerate([*(workspace / name for name in IN_WORKSPACE), mine, own]):
        skill(place / "same", f"---\nname: same\ndescription: from {at}\n---\n")
        skill(place / "other", f"---\nname: only-{at}\n---\n")
    listed = find_skills(str(workspace), [str(mine), str(own)])
    assert [one.name for one in listed.skills] == [*(f"only-{at}" for at in range(8)), "same"]
    same = listed.named("same")
    assert same is not None
    assert (same.description, same.label) == ("from 0", ".agents/skills")
    assert len(listed.warnings) == 7
    assert all("has the same name 'same'" in warning for warning in listed.warnings)
    assert listed.directory == str(workspace / ".agents/skills")


def test_one_directory_by_two_names_is_searched_once(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    skill(workspace / "skills" / "one", "---\nname: one\n---\n")
    (workspace / ".claude").mkdir()
    (workspace / ".claude/skills").symlink_to("../skills")
    listed = find_skills(str(workspace), [str(workspace / "skills")])
    assert ([one.name for one in listed.skills], listed.warnings) == (["one"], ())


@pytest.mark.parametrize("name", ["x" * 65, '"a\\nb"', '"a\\u0007"'])
def test_a_name_that_nobody_could_type_is_a_warning(tmp_path: Path, name: str) -> None:
    skill(tmp_path / "own/bad", f"---\nname: {name}\n---\n")
    listed = found(tmp_path)
    assert (listed.skills, len(listed.warnings)) == ((), 1)


def test_the_list_is_the_same_wherever_the_skills_lie(tmp_path: Path) -> None:
    texts: set[str] = set()
    for root, place in (("a", "skills"), ("b/deep/er", ".claude/skills"), ("c", ".agents/skills")):
        for name in ("zeta", "alpha"):
            skill(tmp_path / root / place / name, f"---\nname: {name}\ndescription: |\n  Use for\n  {name}.\n---\n")
        texts.add(skill_list(find_skills(str(tmp_path / root), [str(tmp_path / "none")]).skills))
    (text,) = texts
    assert text == f"{LEAD}\n<skills>\n- alpha: Use for alpha.\n- zeta: Use for zeta.\n</skills>"
    assert str(tmp_path) not in text


@pytest.mark.parametrize("count", [1, 5, 20, 60, 400])
def test_the_list_stays_within_its_budget(tmp_path: Path, count: int) -> None:
    for number in range(count):
        skill(tmp_path / f"own/s{number:03d}", f"---\nname: skill-{number:03d}\ndescription: {'words ' * 100}\n---\n")
    text = skill_list(found(tmp_path).skills)
    lines = text.splitlines()[2:-1]
    assert len(text) <= BUDGET
    assert all(len(line) <= 2 + 9 + 2 + 280 for line in lines)
    left_out = re.search(r"and (\d+) more", lines[-1])
    assert len([line for line in lines if line.startswith("- skill-")]) + int(left_out[1] if left_out else 0) == count


def test_a_skill_for_people_alone_is_not_offered_and_can_be_named(tmp_path: Path) -> None:
    skill(tmp_path / "own/quiet", "---\nname: quiet\ninvocation: explicit-only\n---\nText.\n")
    listed = found(tmp_path)
    assert skill_list(listed.skills) == ""
    assert [skill_text(one) for one in listed.skills] == ["Text."]


def test_a_link_out_that_is_swapped_in_while_a_skill_is_read(tmp_path: Path) -> None:
    """Hundreds of readings of a skill and of another file of it, each now a file and now a link out."""
    (tmp_path / "secret").write_text("s3cret")
    folder = tmp_path / "own/one"
    skill(folder, "---\nname: one\n---\nText.\n")
    (one,) = found(tmp_path).skills
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name, text in (("SKILL.md", "---\nname: one\n---\nText.\n"), ("more.md", "More.")):
                (folder / "next").write_text(text)
                os.replace(folder / "next", folder / name)
                (folder / "next").symlink_to(tmp_path / "secret")
                os.replace(folder / "next", folder / name)

    swapping = threading.Thread(target=swap)
    swapping.start()
    read: set[str] = set()
    try:
        for _ in range(300):
            with suppress(ToolError):
                read.add(skill_text(one))
            with suppress(ToolError):
                read.add(companion(one, "more.md"))
            assert "s3cret" not in str(found(tmp_path))
    finally:
        stop.set()
        swapping.join()
    assert read <= {"Text.", "More."}
