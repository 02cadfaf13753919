"""`codewhale context compact`, `uncompact` and `left-out`: what a person reads of them."""

from pathlib import Path

import pytest

from codewhale.context.left_out import left_out
from codewhale.domain.errors import Conflict
from codewhale.surfaces.cli.compacting import compacted, gone, restored
from codewhale.testing.scene import scene

SCRIPT = '[[reply]]\ntext = "Hello."\n[[reply]]\ntext = "They greeted."\n[[reply]]\ntext = ""'
ENVIRON = {"PATH": "/usr/bin:/bin"}


async def test_a_conversation_is_made_smaller_and_whole_again(tmp_path: Path) -> None:
    async with scene(str(tmp_path), SCRIPT, environ=ENVIRON) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "hello")
        said = await compacted(stage.runtime, thread.id, "it is late")
        assert said.startswith("The conversation was summarised: about ")
        report = gone(left_out(thread.id, stage.store.items(thread.id)))
        assert report.splitlines()[0] == "2 items with 11 characters are kept, and not sent to the model:"
        assert "user_message: hello" in report
        assert "2 items: a summary stands for it" in report
        assert "+ They greeted." in report
        assert (await restored(stage.runtime, thread.id)).startswith("The last compaction was taken back")
        assert gone(left_out(thread.id, stage.store.items(thread.id))).startswith("Nothing was left out")


async def test_one_that_fails_says_why(tmp_path: Path) -> None:
    async with scene(str(tmp_path), '[[reply]]\ntext = "Hi."\n[[reply]]\ntext = ""', environ=ENVIRON) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "hello")
        with pytest.raises(Conflict, match="no summary"):
            await compacted(stage.runtime, thread.id, None)
