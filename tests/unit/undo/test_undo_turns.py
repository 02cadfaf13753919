"""Undo through the real engine and the real shell: what a turn did to the files is taken back, and nothing else is."""

from pathlib import Path

import pytest

from codewhale.domain.commands import TurnInput
from codewhale.domain.errors import Conflict, NotAvailable
from codewhale.domain.events import ItemDelta, SnapshotTaken
from tests.unit.undo.conftest import Open, calls, contents, git, shell_of_prompts


async def test_what_a_cleaning_took_away_comes_back(keeping: Open, tree: Path) -> None:
    before = contents(tree)
    async with keeping(calls("rm -rf build && git clean -fdx")) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "tidy up")
        assert set(contents(tree)) == {".gitattributes", ".gitignore", "link", "src/main.py"} - {"link"}
        done = await scene.runtime.rewinds.revert(thread.id, 1)
    assert contents(tree) == before
    assert (done.files_restored, done.snapshot_label is not None) == (6, True)
    assert git(tree, "log", "--format=%s").strip() == "first"


async def test_a_turn_that_writes_nothing_leaves_no_snapshot(keeping: Open) -> None:
    script = '[[reply]]\ncalls = [{id = "c", tool = "list_dir", arguments = {}}]\n[[reply]]\ntext = "Looked."'
    async with keeping(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "look")
        assert await scene.runtime.rewinds.snapshots() == []


async def test_the_log_says_which_snapshot_belongs_to_which_turn(keeping: Open) -> None:
    async with keeping(calls("echo a > new")) as scene:
        thread = await scene.thread()
        turn = (await scene.say(thread.id, "write"))[0].turn_id
        rows = await scene.runtime.rewinds.snapshots()
        events = [event.decode() for event in scene.log(thread.id)]
    taken = [event for event in events if isinstance(event, SnapshotTaken)]
    assert [(each.snapshot_id, each.label, each.turn_id) for each in taken] == [
        (row.id, row.label, turn) for row in reversed(rows)
    ]
    assert [each.label.partition(":")[0] for each in taken] == ["pre-turn", "post-turn"]


async def test_an_undo_is_undone_and_done_again(keeping: Open, tree: Path) -> None:
    async with keeping(calls("echo new > added; rm untracked.txt")) as scene:
        thread = await scene.thread()
        before = contents(tree)
        await scene.say(thread.id, "write")
        after = contents(tree)
        back = scene.runtime.rewinds
        await back.revert(thread.id, 1)
        assert contents(tree) == before
        kept = next(row for row in await back.snapshots() if row.label.startswith("pre-undo:"))
        await back.restore(kept.id)
        assert contents(tree) == after
        await back.revert(thread.id, 1)
        assert contents(tree) == before
        with pytest.raises(Conflict, match="No turn of this thread can be undone, 1 asked for"):
            await back.revert(thread.id, 1)


async def test_turns_are_undone_one_after_the_other_or_together(keeping: Open, tree: Path) -> None:
    async with keeping(calls("echo 1 > one", "echo 2 > two; echo 2 > one", "echo 3 > three")) as scene:
        thread = await scene.thread()
        states = [contents(tree)]
        for prompt in ("a", "b", "c"):
            await scene.say(thread.id, prompt)
            states.append(contents(tree))
        back = scene.runtime.rewinds
        await back.revert(thread.id, 1)
        assert contents(tree) == states[2]
        await back.revert(thread.id, 1)
        assert contents(tree) == states[1]
        await back.revert(thread.id, 1)
        assert contents(tree) == states[0]


async def test_what_the_person_changed_since_is_not_overwritten_unless_asked(keeping: Open, tree: Path) -> None:
    async with keeping(calls("echo turn > src/main.py; echo turn > other")) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "write")
        (tree / "src" / "main.py").write_text("mine")
        (tree / "unrelated").write_text("mine too")
        with pytest.raises(Conflict, match=r"1 file changed since then .*src/main\.py"):
            await scene.runtime.rewinds.revert(thread.id, 1)
        assert (tree / "src" / "main.py").read_text() == "mine"
        assert (tree / "other").exists()
        await scene.runtime.rewinds.revert(thread.id, 1, force=True)
        assert (tree / "src" / "main.py").read_bytes() == b"print('hi')\r\n"
        assert not (tree / "other").exists()
        assert (tree / "unrelated").read_text() == "mine too"
        kept = next(row for row in await scene.runtime.rewinds.snapshots() if row.label.startswith("pre-undo:"))
        await scene.runtime.rewinds.restore(kept.id)
        assert (tree / "src" / "main.py").read_text() == "mine"


async def test_two_threads_in_one_workspace_undo_only_their_own(keeping: Open, tree: Path) -> None:
    async with keeping(shell_of_prompts()) as scene:
        first, second = await scene.thread(), await scene.thread()
        await scene.say(first.id, "a=1")
        await scene.say(second.id, "b=2")
        await scene.runtime.rewinds.revert(first.id, 1)
        assert (not (tree / "a").exists(), (tree / "b").exists()) == (True, True)
        await scene.say(first.id, "a=2")
        await scene.say(second.id, "a=3")
        with pytest.raises(Conflict):
            await scene.runtime.rewinds.revert(first.id, 1)
        await scene.runtime.rewinds.revert(second.id, 2)
        assert ((tree / "a").read_text(), (tree / "b").exists()) == ("2\n", False)


async def test_the_model_takes_back_what_it_did_in_the_same_turn(keeping: Open, tree: Path) -> None:
    script = """
    [[reply]]
    calls = [{id = "c1", tool = "write_file", arguments = {path = "wrong", content = "x"}}]
    [[reply]]
    calls = [{id = "c2", tool = "revert_turn", arguments = {turn_offset = 1}, force = true}]
    [[reply]]
    text = "Back."
    """
    async with keeping(script) as scene:
        thread = await scene.thread()
        before = contents(tree)
        await scene.say(thread.id, "try")
        assert contents(tree) == before
        labels = [row.label.partition(":")[0] for row in await scene.runtime.rewinds.snapshots()]
    assert labels == ["post-turn", "post-undo", "pre-undo", "tool", "pre-turn"]


async def test_where_there_are_no_snapshots_a_turn_runs_and_says_so_once(keeping: Open) -> None:
    async with keeping(calls("echo a > a", "echo b > b"), max_workspace_gb=1e-9) as scene:
        thread = await scene.thread()
        events = [*await scene.say(thread.id, "a"), *await scene.say(thread.id, "b")]
        with pytest.raises(NotAvailable, match="more than"):
            await scene.runtime.rewinds.revert(thread.id, 1)
    notes = [
        item.detail for event in events if (item := getattr(event.decode(), "item", None)) and item.kind == "status"
    ]
    assert len(notes) == 1
    assert notes[0].startswith(
        "Undo is not available. Snapshots of this workspace are not available: its files have more"
    )


async def test_undo_with_files_and_conversation(keeping: Open, tree: Path) -> None:
    async with keeping(calls("echo 1 > one", "echo 2 > two")) as scene:
        thread = await scene.thread()
        before = contents(tree)
        await scene.say(thread.id, "first")
        await scene.say(thread.id, "second")
        done = await scene.runtime.rewinds.patch_undo(thread.id, 0)
        assert (done.original_user_text, done.patch_result.files_restored) == ("second", 1)
        assert (tree / "one").exists()
        again = await scene.runtime.rewinds.patch_undo(done.thread.id, 0)  # a copied turn is known by its first id
        assert (again.original_user_text, again.patch_result.files_restored) == ("first", 1)
    assert contents(tree) == before


async def test_an_interrupted_turn_is_undone_like_any_other(keeping: Open, tree: Path) -> None:
    async with keeping(calls("echo half > half; echo there; exec sleep 600")) as scene:
        thread = await scene.thread()
        before = contents(tree)
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        await scene.until(thread.id, ItemDelta.WIRE)
        await scene.runtime.interrupt(thread.id, started.turn.id)
        await scene.turn(thread.id, started.turn.id)
        assert (tree / "half").exists()
        await scene.say(thread.id, "anything")  # begins only when the end of the turn before is kept
        await scene.runtime.rewinds.revert(thread.id, 1)
    assert contents(tree) == before


async def test_a_turn_whose_end_was_not_kept_is_undone_only_when_forced(keeping: Open, tree: Path) -> None:
    async with keeping(calls("echo turn > made")) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "go")
        undo = scene.runtime.outside.undo
        assert undo is not None
        async with undo.keeper.opened(str(tree)) as store:
            after = (await store.snapshots())[-1]
            await store.drop([after])
        (tree / "mine").write_text("mine")
        with pytest.raises(Conflict, match="made, mine"):
            await scene.runtime.rewinds.revert(thread.id, 1)
        await scene.runtime.rewinds.revert(thread.id, 1, force=True)
    assert not (tree / "made").exists()
