"""Installing skills: only files, only beneath the skill's own folder, whole or not at all, and trusted by digest alone."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from codewhale.config.load import load
from codewhale.domain.errors import CodewhaleError, Conflict, InvalidInput
from codewhale.runtime.skill_install import Installed, install, remove
from codewhale.runtime.skills import named, scripts_of, seal, trust
from codewhale.runtime.surroundings import surroundings_of
from codewhale.testing.clocks import ManualClock
from codewhale.workspace.package import MOST_BYTES, MOST_FILES

HEAD = b"---\nname: The PDF\ndescription: Makes PDFs\n---\nBody\n"
FILES = {"SKILL.md": HEAD, "scripts/run.sh": b"#!/bin/sh\n"}


def tar_of(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in more:
            archive.addfile(member)
    return out.getvalue()


def zip_of(files: dict[str, bytes], *more: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for info, content in more:
            archive.writestr(info, content)
    return out.getvalue()


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Installed]:
    """Installs a package with this content."""

    def installed(content: bytes | Path, *, replace: bool = False) -> Installed:
        source = content if isinstance(content, Path) else tmp_path / "package"
        if isinstance(content, bytes):
            source.write_bytes(content)
        return install(str(source), str(tmp_path / "skills"), ManualClock(), replace=replace)

    return installed


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("prefix", ["", "top/", "./"])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_an_archive_becomes_a_folder_named_like_the_skill(
    put: Callable[..., Installed], tmp_path: Path, prefix: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    done = put(pack({prefix + name: content for name, content in FILES.items()}))
    folder = tmp_path / "skills/the-pdf"
    assert done == Installed(name="The PDF", folder=str(folder), scripts=True)
    assert tree(tmp_path / "skills") == [
        f"the-pdf/{name}" for name in (".installed-from", "SKILL.md", "scripts/run.sh")
    ]
    assert f"source = {tmp_path}/package\nsha256 = " in (folder / ".installed-from").read_text()


def test_a_folder_can_be_installed_too(put: Callable[..., Installed], tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "scripts").mkdir(parents=True)
    (source / ".git").mkdir()
    (source / ".git/config").write_text("[core]")
    for name, content in FILES.items():
        (source / name).write_bytes(content)
    (source / "scripts/run.sh").chmod(0o4777)
    put(source)
    assert tree(tmp_path / "skills/the-pdf") == [".installed-from", "SKILL.md", "scripts/run.sh"]
    assert (tmp_path / "skills/the-pdf/scripts/run.sh").stat().st_mode & 0o7022 == 0
    assert os.access(tmp_path / "skills/the-pdf/scripts/run.sh", os.X_OK)


def link(kind: bytes, name: str = "link", target: str = "/etc/passwd") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zipped_link() -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    return info, b"/etc/passwd"


HOSTILE = {
    "parent": tar_of({**FILES, "../evil": b"x"}),
    "deep parent": tar_of({**FILES, "a/../../evil": b"x"}),
    "absolute": tar_of({**FILES, "/tmp/evil": b"x"}),
    "symbolic link": tar_of(FILES, link(tarfile.SYMTYPE)),
    "hard link": tar_of(FILES, link(tarfile.LNKTYPE, target="SKILL.md")),
    "device": tar_of(FILES, link(tarfile.CHRTYPE)),
    "pipe": tar_of(FILES, link(tarfile.FIFOTYPE)),
    "folder that leads out": tar_of(FILES, link(tarfile.DIRTYPE, "../dir")),
    "zip parent": zip_of({**FILES, "../evil": b"x"}),
    "zip backslash": zip_of({**FILES, "..\\evil": b"x"}),
    "zip link": zip_of(FILES, zipped_link()),
    "newline": tar_of({**FILES, "a\nb": b"x"}),
    "twice": tar_of({"SKILL.md": HEAD, "./SKILL.md": HEAD}),
    "too large": tar_of({**FILES, "big": b"\0" * (MOST_BYTES + 1)}),
    "bomb": zip_of({**FILES, "a": b"\0" * (MOST_BYTES // 2), "b": b"\0" * MOST_BYTES}),
    "too many": tar_of({"SKILL.md": HEAD, **{f"f{number}": b"" for number in range(MOST_FILES + 1)}}),
    "too deep": tar_of({**FILES, "a/" * 20 + "b": b"x"}),
    "no skill": tar_of({"README.md": b"x"}),
    "no name": tar_of({"SKILL.md": b"words\n"}),
    "no text": tar_of({"SKILL.md": b"\xff\xfe"}),
    "no archive": b"not an archive",
    "cut": tar_of({**FILES, "noise": os.urandom(4000)})[:1500],
    "empty": b"",
}


@pytest.mark.parametrize("package", HOSTILE)
def test_what_is_refused_leaves_nothing(put: Callable[..., Installed], tmp_path: Path, package: str) -> None:
    with pytest.raises(InvalidInput):
        put(HOSTILE[package])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["package", "skills"]


def test_a_folder_with_a_link_is_refused(put: Callable[..., Installed], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "SKILL.md").write_bytes(HEAD)
    (source / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="is a link"):
        put(source)


@pytest.mark.parametrize("source", ["https://example.invalid/skill.tgz", "github:owner/repo", "/nowhere/at/all"])
def test_only_what_lies_here_is_installed(put: Callable[..., Installed], tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidInput):
        install(source, str(tmp_path / "skills"), ManualClock(), replace=False)


def test_an_installed_skill_is_replaced_on_request_and_one_made_by_hand_never(
    put: Callable[..., Installed], tmp_path: Path
) -> None:
    folder = Path(put(tar_of({**FILES, "old.md": b"old"})).folder)
    with pytest.raises(Conflict, match="--replace"):
        put(tar_of(FILES))
    put(tar_of({**FILES, "new.md": b"new"}), replace=True)
    assert tree(folder) == [".installed-from", "SKILL.md", "new.md", "scripts/run.sh"]
    (folder / ".installed-from").unlink()
    for act in (lambda: put(tar_of(FILES), replace=True), lambda: remove(str(folder), "The PDF")):
        with pytest.raises(Conflict, match="was not installed by codewhale"):
            act()
    assert tree(tmp_path / "skills/the-pdf") == ["SKILL.md", "new.md", "scripts/run.sh"]


def test_its_programs_are_trusted_by_digest_and_any_change_takes_that_back(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    env = {"CODEWHALE_HOME": str(tmp_path / "home"), "DEEPSEEK_WORKSPACE": str(tmp_path / "work"), "PATH": os.defpath}
    settings = load(environ=env)
    around, work = surroundings_of(settings), settings.workspace
    (tmp_path / "package").write_bytes(tar_of(FILES))
    install(str(tmp_path / "package"), settings.skills_dir, ManualClock(), replace=False)
    skill = named(around, work, "The PDF")
    assert scripts_of(around, work, skill) == "untrusted"
    now = seal(around, work, skill)
    assert not trust(around, work, skill, "0" * 64)
    assert trust(around, work, skill, now.digest or "")
    assert scripts_of(around, work, skill) == "trusted"
    Path(skill.folder, "scripts/run.sh").write_bytes(b"#!/bin/sh\nrm -rf ~\n")
    assert scripts_of(around, work, skill) == "untrusted"
    Path(skill.folder, "scripts/run.sh").unlink()
    Path(skill.folder, "scripts/run.sh").symlink_to("/bin/sh")
    assert seal(around, work, skill).digest is None
    remove(skill.folder, skill.name)
    with pytest.raises(CodewhaleError, match="not found"):
        named(around, work, "The PDF")
