"""Attempts: what differs since the work began, as one patch that applies elsewhere; the repository stays as it is."""

from pathlib import Path
from typing import Protocol

import msgspec

from codewhale.domain.commands import NewThread
from codewhale.domain.tasks import NewTask
from codewhale.llm.scripted.script import parse_script
from codewhale.testing.call_script import Wanted, calls, results
from codewhale.testing.scene import Scene, Stage

RECORD: Wanted = (
    "pr_attempt_record",
    {
        "attempt_group_id": "fix",
        "attempt_index": 1,
        "attempt_count": 2,
        "summary": "the short way",
        "verification": ["pytest: 3 passed"],
    },
)
PREFLIGHT: Wanted = ("pr_attempt_preflight", {"attempt_id": "attempt_"})


class Repository(Protocol):
    top: Path

    def git(self, *words: str) -> str: ...

    def commit(self, message: str) -> str: ...


async def said(scene: Scene) -> list[str]:
    thread = await scene.thread(NewThread(auto_approve=True))
    return [item.detail or "" for item in results(await scene.say(thread.id, "go"))]


async def test_an_attempt_has_refs_files_and_a_patch(stage: Stage, repository: Repository) -> None:
    base = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "try")
    (repository.top / "b.txt").write_text("committed\n")
    head = repository.commit("second")
    (repository.top / "a.txt").write_text("one\n2\nthree\n")
    (repository.top / "new file.txt").write_text("untracked\n")
    (repository.top / ".gitignore").write_text("*.log\n")
    (repository.top / "noise.log").write_text("x")
    before = (repository.git("status", "--porcelain"), repository.git("count-objects"))
    async with stage(calls(RECORD, ("pr_attempt_list", {}), ("pr_attempt_read", {"attempt_id": "attempt_"}))) as scene:
        thread = await scene.thread()
        recorded, listed, read = results(await scene.say(thread.id, "go"))
        updates = msgspec.convert((recorded.metadata or {})["task_updates"], dict[str, object])
        files = [".gitignore", "a.txt", "b.txt", "new file.txt"]
        assert updates["attempt"] == {
            "attempt_group_id": "fix",
            "attempt_index": 1,
            "attempt_count": 2,
            "summary": "the short way",
            "verification": ["pytest: 3 passed"],
            "base_ref": "main",
            "base_sha": base,
            "head_ref": "try",
            "head_sha": head,
            "changed_files": files,
            "patch_path": f"artifacts/{recorded.id}-attempt.patch",
        }
        assert (recorded.detail or "").startswith(
            "Attempt 1 of 2 recorded in this thread, which belongs to no task: 4 files"
        )
        assert (listed.detail or "").endswith("fix 1/2  4 files  the short way")
        assert all(f"changed: {name}" in (read.detail or "") for name in files)
        assert "+untracked" in (read.detail or "")
        assert (repository.git("status", "--porcelain"), repository.git("count-objects")) == before


async def test_preflight_tells_whether_the_patch_would_apply_now(stage: Stage, repository: Repository) -> None:
    (repository.top / "a.txt").write_text("one\n2\nthree\n")
    (repository.top / "new.bin").write_bytes(bytes(range(256)))
    async with stage(calls(RECORD, PREFLIGHT) + calls(PREFLIGHT) + calls(PREFLIGHT)) as scene:
        thread = await scene.thread()
        _, there = results(await scene.say(thread.id, "go"))
        assert (there.metadata or {})["verdict"] == "applied"
        repository.git("checkout", "-q", "a.txt")
        (repository.top / "new.bin").unlink()
        assert await verdict(scene, thread.id) == ("applies", [])
        (repository.top / "a.txt").write_text("quite\nanother\ntext\n")
        assert await verdict(scene, thread.id) == ("conflicts", ["a.txt"])
        assert (repository.top / "a.txt").read_text() == "quite\nanother\ntext\n"


async def verdict(scene: Scene, thread_id: str) -> tuple[object, object]:
    """What the preflight says in a turn of its own."""
    (item,) = results(await scene.say(thread_id, "again"))
    metadata = item.metadata or {}
    return metadata["verdict"], metadata["files"]


async def test_a_tasks_attempt_is_on_its_record_and_read_from_elsewhere(stage: Stage, repository: Repository) -> None:
    (repository.top / "a.txt").write_text("changed\n")
    async with stage(calls(RECORD)) as scene:
        queued = await scene.runtime.tasks.add(NewTask(prompt="try"))
        scene.runtime.tasks.start()
        task = await scene.runtime.tasks.ended(queued.id)
        (attempt,) = task.attempts
        assert (attempt.summary, attempt.changed_files, attempt.selected) == ("the short way", ("a.txt",), False)
        text = await scene.runtime.tasks.text(task.id, attempt.patch_path or "")
        assert "+changed" in text.text
        elsewhere = calls(
            ("pr_attempt_list", {"task_id": task.id}),
            ("pr_attempt_preflight", {"task_id": task.id, "attempt_id": attempt.id}),
        )
        scene.provider.script = parse_script(elsewhere)
        listed, checked = await said(scene)
        assert listed.startswith(attempt.id)
        assert checked == f"The patch of {attempt.id} is in the files already."


async def test_what_is_no_attempt_is_refused(stage: Stage, repository: Repository) -> None:
    other: Wanted = ("pr_attempt_record", {**RECORD[1], "task_id": "task_1"})
    wrong: Wanted = ("pr_attempt_record", {**RECORD[1], "attempt_index": 3})
    missing: Wanted = ("pr_attempt_read", {"attempt_id": "attempt_9"})
    async with stage(calls(RECORD, other, wrong, missing)) as scene:
        nothing, foreign, index, unknown = await said(scene)
        assert nothing == "Nothing differs from where the work began, so there is no attempt to record."
        assert foreign == "An attempt is recorded by its task's own turn; leave task_id out."
        assert index == "attempt_index is greater than attempt_count."
        assert unknown == "There is no such attempt: attempt_9. Recorded there: none."
    del repository


async def test_a_hostile_repository_runs_nothing(stage: Stage, repository: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\necho ran >> {canary}\ncat\n")
    evil.chmod(0o755)
    (repository.top / ".gitattributes").write_text("*.txt filter=evil diff=evil\n")
    repository.commit("attributes")
    for key in ("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.external", "core.fsmonitor"):
        repository.git("config", key, str(evil))
    (repository.top / "a.txt").write_text("1\n")
    async with stage(calls(RECORD, PREFLIGHT)) as scene:
        recorded, checked = await said(scene)
        assert recorded.startswith("Attempt 1 of 2")
        assert checked.endswith("is in the files already.")
        assert not canary.exists()
