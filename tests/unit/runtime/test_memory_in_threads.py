"""Memory: off unless asked for, kept by project, corrected, bounded, and in the next conversation's header."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale.context.memory import BUDGET, memory_part
from codewhale.domain.commands import NewThread
from codewhale.domain.errors import ToolError
from codewhale.domain.events import Event, ItemCompleted, ItemFailed
from codewhale.runtime.memory import MOST_BYTES, keep
from codewhale.testing.homes import Home, home
from codewhale.workspace.identity import project_key, project_root

ON = "[memory]\nenabled = true\n"
MOMENT = "2026-01-31T10:20:30.000Z"


def script(**arguments: object) -> str:
    call = {"calls": [{"tool": "remember", "arguments": arguments, "force": True}]}
    return msgspec.json.encode({"reply": [call, {"text": "Done."}]}).decode()


def result(events: list[Event]) -> str:
    payloads = [event.decode() for event in events]
    return next(
        one.item.detail or ""
        for one in payloads
        if isinstance(one, ItemCompleted | ItemFailed) and one.item.call is not None
    )


def first(place: Home) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(place.model.requests[0].body))


def system(place: Home) -> str:
    return first(place)["messages"][0]["content"]


def tools(place: Home) -> list[str]:
    return [tool["function"]["name"] for tool in first(place)["tools"]]


def assert_kept(path: Path, below: Path, *, without: str) -> None:
    assert path.parent.parent.parent == below
    assert path.stat().st_mode & 0o777 == 0o600
    assert without not in path.read_text()


async def test_what_is_remembered_is_in_the_next_conversation_without_secrets(tmp_path: Path) -> None:
    secret = "sk-ant-REDACTED" + "a1" * 20
    async with home(tmp_path, script(note=f"Tests run\nwith make. {secret}"), config=ON) as place:
        said = result(await place.say("keep it"))
        assert "Nothing has been kept yet." in system(place)
        assert "remember" in tools(place)
    assert_kept(Path(said.removeprefix("Remembered, in ").rstrip(".")), tmp_path / "home/memory", without=secret)
    async with home(tmp_path, script(note="x"), config=ON) as place:
        await place.say("again")
        assert " UTC) Tests run with make. " in system(place)
        assert '<memory of="this project">' in system(place)


async def test_a_note_is_told_to_the_conversations_that_did_not_make_it(tmp_path: Path) -> None:
    call = {"calls": [{"tool": "remember", "arguments": {"note": "Uses tabs."}}]}
    turns = [
        {"when": {"contains": "keep"}, "reply": [call, {"text": "Kept."}]},
        {"when": {"contains": "go on"}, "reply": [{"text": "Yes."}]},
    ]
    async with home(tmp_path, msgspec.json.encode({"turn": turns}).decode(), config=ON) as place:
        maker = await place.runtime.create_thread(NewThread())
        other = await place.runtime.create_thread(NewThread())
        await place.say("go on", thread=other)
        await place.say("keep it", thread=maker)
        await place.say("go on", thread=maker)
        own = str(msgspec.json.encode(place.model.requests[-1].body))
        await place.say("go on", thread=other)
        told = str(msgspec.json.encode(place.model.requests[-1].body))
    assert "context_update" not in own
    assert told.count("context_update>") == 2
    assert "Uses tabs." in told
    async with home(tmp_path, msgspec.json.encode({"turn": turns}).decode(), config=ON) as place:
        await place.say("go on", thread=maker)
        assert "context_update" not in str(msgspec.json.encode(place.model.requests[0].body))


async def test_what_holds_everywhere_is_in_the_file_of_the_contract(tmp_path: Path) -> None:
    async with home(tmp_path, script(note="Short answers.", scope="everywhere"), config=ON) as place:
        await place.say("keep it")
    assert (tmp_path / "home/memory.md").read_text().endswith(" UTC) Short answers.\n")


async def test_memory_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/memory.md").write_text("- kept\n")
    async with home(tmp_path, script(note="x")) as place:
        said = result(await place.say("keep it"))
        assert "kept" not in system(place)
        assert "remember" not in tools(place)
    assert said.startswith("The tool remember is unavailable because memory is switched off")
    assert (tmp_path / "home/memory.md").read_text() == "- kept\n"


def test_an_entry_is_corrected_or_forgotten_by_its_words(tmp_path: Path) -> None:
    path = str(tmp_path / "m/MEMORY.md")
    for note in ("Uses tabs.", "Tests run with make."):
        keep(path, note, "", MOMENT)
    keep(path, "Uses spaces.", "Uses tabs", MOMENT)
    assert Path(path).read_text() == (
        "- (2026-01-31 10:20 UTC) Tests run with make.\n- (2026-01-31 10:20 UTC) Uses spaces.\n"
    )
    keep(path, "", "Tests run", MOMENT)
    assert Path(path).read_text() == "- (2026-01-31 10:20 UTC) Uses spaces.\n"
    with pytest.raises(ToolError, match="no entry has"):
        keep(path, "x", "nowhere", MOMENT)
    keep(path, "More.", "", MOMENT)
    with pytest.raises(ToolError, match="2 entries have"):
        keep(path, "x", "UTC", MOMENT)


def test_a_full_file_takes_no_more_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "memory.md"
    path.write_text("x" * (MOST_BYTES - 10))
    with pytest.raises(ToolError, match="is full"):
        keep(str(path), "too much", "", MOMENT)
    assert path.stat().st_size == MOST_BYTES - 10


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("mine, without an end of line")
    (tmp_path / "memory.md").symlink_to(tmp_path / "real.md")
    keep(str(tmp_path / "memory.md"), "note", "", MOMENT)
    assert (tmp_path / "memory.md").is_symlink()
    assert (tmp_path / "real.md").read_text() == "mine, without an end of line\n- (2026-01-31 10:20 UTC) note\n"


@pytest.mark.parametrize(("own", "general"), [(40_000, 0), (0, 40_000), (40_000, 40_000), (11_000, 3_000)])
def test_the_newest_notes_stay_within_the_budget(own: int, general: int) -> None:
    def notes(size: int, name: str) -> str:
        return "".join(f"- {name} {number}\n" for number in range(size // 10))

    part = memory_part(notes(own, "own"), notes(general, "all"))
    assert len(part) <= BUDGET + 1_000
    for size, name in ((own, "own"), (general, "all")):
        assert not size or f"- {name} {size // 10 - 1}\n" in part


def test_worktrees_of_a_repository_share_its_memory_and_nobody_else_gets_at_it(tmp_path: Path) -> None:
    main = tmp_path / "main"
    (main / ".git/worktrees/one").mkdir(parents=True)
    tree = tmp_path / "elsewhere/one"
    (tree / "deep").mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {main}/.git/worktrees/one\n")
    (main / ".git/worktrees/one/commondir").write_text("../..\n")
    (main / ".git/worktrees/one/gitdir").write_text(f"{tree}/.git\n")
    assert project_key(str(tree / "deep")) == project_key(str(main)) == project_key(str(main / ".git/.."))
    thief = tmp_path / "thief"
    thief.mkdir()
    (thief / ".git").write_text(f"gitdir: {main}/.git/worktrees/one\n")
    assert project_root(str(thief)) == str(thief)
    (thief / ".git").write_text(f"gitdir: {main}/.git\n")
    assert project_root(str(thief)) == str(thief)
    other = tmp_path / "plain"
    other.mkdir()
    assert project_root(str(other)) == str(other)
