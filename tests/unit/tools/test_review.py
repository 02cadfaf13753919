"""`review`: what is looked at, the separate call, its bill, and answers of any shape."""

import subprocess  # noqa: TID251 - git in a workspace of the test
from pathlib import Path

import msgspec
import pytest

from codewhale.domain.records import Item, Usage
from codewhale.testing.scene import Scene, Stage

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
ANSWER = (
    '{"summary": "One bug.", "issues": [{"severity": "fatal", "title": "Off by one", "description": "d", "path": "a.py", '
    '"line": 2}, 7], "suggestions": [], "overall_assessment": "Fix it."}'
)
REVIEWED = {
    "summary": "One bug.",
    "issues": [{"severity": "info", "title": "Off by one", "description": "d", "path": "a.py", "line": 2}],
    "suggestions": [],
    "overall_assessment": "Fix it.",
}


def git(workspace: str, *words: str) -> None:
    subprocess.run([*GIT, *words], cwd=workspace, check=True, capture_output=True, timeout=20)


def script(arguments: str, answer: str) -> str:
    return f"""
    [[turn]]
    when = {{system_contains = "You review code"}}
    [[turn.reply]]
    text = {msgspec.json.encode(answer).decode()}
    usage = {{input_tokens = 70, output_tokens = 9}}
    [[reply]]
    calls = [{{id = "call_1", tool = "review", arguments = {arguments}, force = true}}]
    usage = {{input_tokens = 100, output_tokens = 1}}
    [[reply]]
    text = "Reviewed."
    usage = {{input_tokens = 200, output_tokens = 2}}
    """


async def reviewed(scene: Scene) -> Item:
    thread = await scene.thread()
    await scene.say(thread.id, "review")
    return next(item for item in scene.store.items(thread.id) if item.call is not None)


def asked_in(scene: Scene) -> str:
    return scene.store.read(None, after=0, limit=1)[0].thread_id


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(str(tmp_path), "init", "-q")
    (tmp_path / "a.py").write_text("one\n")
    git(str(tmp_path), "add", "a.py")
    git(str(tmp_path), "commit", "-qm", "first")
    (tmp_path / "a.py").write_text("one\ntwo\n")
    return tmp_path


@pytest.mark.usefixtures("repository")
async def test_a_diff_is_reviewed_apart_from_the_conversation_and_paid_by_the_turn(stage: Stage) -> None:
    async with stage(script("{}", ANSWER)) as scene:
        item = await reviewed(scene)
        assert msgspec.json.decode(item.detail or "") == REVIEWED
        asked = scene.provider.requests[1]
        assert asked.tools == ()
        assert len(asked.messages) == 1
        assert "+two" in asked.messages[0].text
        (turn,) = (await scene.runtime.snapshot(asked_in(scene))).turns
        assert turn.usage == Usage(input_tokens=370, output_tokens=12)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ('{target = "a.py"}', "the changes of the working tree in a.py"),
        ('{kind = "file", target = "a.py"}', "the file a.py"),
        ('{target = "notes.txt"}', "the file notes.txt"),
        ('{base = "HEAD"}', "the changes of the working tree since HEAD"),
    ],
)
async def test_what_is_reviewed_is_said(stage: Stage, arguments: str, what: str) -> None:
    async with stage(script(arguments, ANSWER)) as scene:
        item = await reviewed(scene)
        assert item.metadata is not None
        assert item.metadata["target"] == what


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("{staged = true}", "There is nothing to review: what is staged is empty."),
        ('{base = "--output=x"}', "'--output=x' is not one revision."),
        ('{base = "nowhere"}', "git could not make the diff: "),
        ('{kind = "file"}', "Kind file needs `target`."),
    ],
)
async def test_what_cannot_be_reviewed_is_said(stage: Stage, arguments: str, problem: str) -> None:
    async with stage(script(arguments, "never")) as scene:
        item = await reviewed(scene)
        assert item.status == "failed"
        assert (item.detail or "").startswith(problem)


@pytest.mark.parametrize("answer", [f"Here it is:\n```json\n{ANSWER}\n```\nBye.", f"I think so: {ANSWER}"])
async def test_json_is_found_in_what_is_around_it(stage: Stage, answer: str) -> None:
    async with stage(script('{target = "notes.txt"}', answer)) as scene:
        assert msgspec.json.decode((await reviewed(scene)).detail or "") == REVIEWED


async def test_an_answer_without_json_is_kept_as_words(stage: Stage) -> None:
    async with stage(script('{target = "notes.txt"}', "Looks fine.")) as scene:
        found = msgspec.json.decode((await reviewed(scene)).detail or "")
        assert (found["issues"], found["overall_assessment"]) == ([], "Looks fine.")
