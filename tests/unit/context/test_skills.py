"""Skills on disk: which directory counts, how the head is read, and that nothing outside is."""

from pathlib import Path

import pytest

from codewhale.context.front_matter import front_matter
from codewhale.context.skills import MAX_BYTES, FoundSkills, find_skills


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
