"""Undo and retry over HTTP; what needs snapshots is refused."""

from typing import Any

import pytest

requirement = pytest.mark.requirement

SCRIPT = """
[[turn]]
[[turn.reply]]
text = "Good."
[[turn]]
[[turn.reply]]
text = "Better."
[[turn]]
[[turn.reply]]
text = "Best."
"""


async def texts(product: Any, thread_id: str) -> list[str]:
    return [item["detail"] for item in (await product.detail(thread_id))["items"]]


@requirement("UNDO")
async def test_undo_is_a_new_thread_without_the_last_turns(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread(title="T")
        for prompt in ("one", "two", "three"):
            await product.finished(thread, prompt)
        answer = await product.call("POST", f"/v1/threads/{thread}/undo", {"depth": 1})
        made = answer.json()["thread"]["id"]
        dropped = (await product.detail(thread))["turns"][1]["id"]
        assert (answer.status, answer.json()["original_user_text"]) == (201, "two")
        assert await texts(product, made) == ["one", "Good."]
        assert len(await texts(product, thread)) == 6
        async with product.stream(f"/v1/threads/{made}/events") as stream:
            (forked,) = await stream.frames(1)
        assert forked.json()["payload"] == {
            "thread": answer.json()["thread"],
            "source_thread_id": thread,
            "backtrack_depth_from_tail": 1,
            "dropped_turn_id": dropped,
        }


@requirement("UNDO")
async def test_a_depth_that_is_too_great_is_refused(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        await product.finished(thread, "one")
        for act in ("undo", "retry", "patch-undo"):
            assert (await product.call("POST", f"/v1/threads/{thread}/{act}", {"depth": 1})).status == 400
            assert (await product.call("POST", f"/v1/threads/{thread}/{act}", {"depth": -1})).status == 422
            assert (await product.call("POST", f"/v1/threads/thr_none/{act}", {})).status == 404
        assert len((await product.call("GET", "/v1/threads")).json()) == 1


@requirement("RETRY")
async def test_retry_says_the_same_again_or_something_else(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        await product.finished(thread, "one")
        for body, said in (({}, "one"), ({"prompt": "uno"}, "uno")):
            answer = await product.call("POST", f"/v1/threads/{thread}/retry", body)
            made = answer.json()
            assert (answer.status, set(made)) == (201, {"thread", "turn"})
            async with product.stream(f"/v1/threads/{made['thread']['id']}/events") as stream:
                await stream.until("turn.completed")
            assert (await texts(product, made["thread"]["id"]))[0] == said


@requirement("BUG-57")
async def test_a_refused_retry_or_patch_undo_leaves_nothing_behind(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        before = (await product.detail(thread))["latest_seq"]
        refused = [
            await product.call("POST", f"/v1/threads/{thread}/{act}", {}) for act in ("retry", "undo", "patch-undo")
        ]
        assert [answer.status for answer in refused] == [400, 400, 400]
        assert (await product.detail(thread))["latest_seq"] == before


@requirement("SNAPSHOTS")
async def test_what_needs_snapshots_says_that_there_are_none(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        await product.finished(thread, "one")
        refused = [
            await product.call("POST", f"/v1/threads/{thread}/patch-undo", {}),
            await product.call("GET", "/v1/snapshots?limit=100"),
            await product.call("POST", "/v1/snapshots/abc/restore"),
        ]
        assert [(answer.status, answer.json()["error"]["status"]) for answer in refused] == [(501, 501)] * 3
        assert (await product.call("POST", f"/v1/threads/{thread}/revert", {})).status == 501
        assert [(await product.call("GET", f"/v1/snapshots?limit={n}")).status for n in (0, 101)] == [400, 400]


WRITING = """
[[turn]]
[[turn.reply]]
calls = [{id = "c1", tool = "exec_shell", arguments = {command = "echo one > new; rm old"}}]
[[turn.reply]]
text = "Done."
[[turn]]
[[turn.reply]]
calls = [{id = "c2", tool = "write_file", arguments = {path = "new", content = "two"}}]
[[turn.reply]]
text = "Done."
"""


async def written(product: Any) -> str:
    """A thread with two turns that changed files."""
    (product.workspace / "old").write_text("old")
    thread = await product.thread(allow_shell=True, auto_approve=True)
    for prompt in ("one", "two"):
        await product.finished(thread, prompt)
    assert sorted(path.name for path in product.workspace.iterdir()) == ["new"]
    return thread


@requirement("SNAPSHOT-LIST")
async def test_snapshots_are_listed_newest_first(start: Any) -> None:
    async with start(WRITING, snapshots=True) as product:
        await written(product)
        rows = (await product.call("GET", "/v1/snapshots")).json()
        assert [set(row) for row in rows] == [{"id", "label", "timestamp"}] * 4
        assert [row["label"].partition(":")[0] for row in rows] == ["post-turn", "pre-turn"] * 2
        assert (await product.call("GET", "/v1/snapshots?limit=1")).json() == rows[:1]


@requirement("SNAPSHOT-RESTORE")
async def test_a_snapshot_is_restored_whole(start: Any) -> None:
    async with start(WRITING, snapshots=True) as product:
        await written(product)
        oldest = (await product.call("GET", "/v1/snapshots")).json()[-1]["id"]
        answer = await product.call("POST", f"/v1/snapshots/{oldest}/restore")
        assert (answer.status, answer.json()["restored"]) == (200, oldest)
        assert [path.name for path in product.workspace.iterdir()] == ["old"]
        assert (await product.call("POST", f"/v1/snapshots/{'0' * 40}/restore")).status == 404
        assert (await product.call("POST", "/v1/snapshots/--all/restore")).status == 404


@requirement("SNAPSHOT-RESTORE", "PATCH-UNDO")
async def test_what_changed_since_is_not_overwritten_unasked(start: Any) -> None:
    async with start(WRITING, snapshots=True) as product:
        thread = await written(product)
        oldest = (await product.call("GET", "/v1/snapshots")).json()[-1]["id"]
        (product.workspace / "new").write_text("mine")
        for path in (f"/v1/snapshots/{oldest}/restore", f"/v1/threads/{thread}/patch-undo"):
            answer = await product.call("POST", path, {})
            assert (answer.status, "new" in answer.json()["error"]["message"]) == (409, True)
        assert (product.workspace / "new").read_text() == "mine"
        assert len((await product.call("GET", "/v1/threads")).json()) == 1
        forced = await product.call("POST", f"/v1/snapshots/{oldest}/restore?force=true")
        assert (forced.status, (product.workspace / "old").read_text()) == (200, "old")


@requirement("PATCH-UNDO", "BUG-57")
async def test_patch_undo_brings_files_and_thread_back_together(start: Any) -> None:
    async with start(WRITING, snapshots=True) as product:
        thread = await written(product)
        refused = await product.call("POST", f"/v1/threads/{thread}/patch-undo", {"depth": 2})
        assert (refused.status, (product.workspace / "new").read_text()) == (400, "two")
        answer = await product.call("POST", f"/v1/threads/{thread}/patch-undo", {"depth": 1})
        made = answer.json()
        assert (answer.status, made["original_user_text"]) == (201, "one")
        assert set(made["patch_result"]) == {"files_restored", "summary", "snapshot_label"}
        assert made["patch_result"]["files_restored"] == 2
        assert [path.name for path in product.workspace.iterdir()] == ["old"]
        assert await texts(product, made["thread"]["id"]) == []


@requirement("REVERT")
async def test_files_alone_go_back_and_the_thread_stays(start: Any) -> None:
    async with start(WRITING, snapshots=True) as product:
        thread = await written(product)
        before = (await product.detail(thread))["turns"]
        answer = await product.call("POST", f"/v1/threads/{thread}/revert", {})
        assert (answer.status, (product.workspace / "new").read_text()) == (200, "one\n")
        assert (await product.detail(thread))["turns"] == before
