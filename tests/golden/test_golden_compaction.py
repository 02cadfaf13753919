"""Logs of turns whose model's window fills: old results go first, then the conversation is summarised, and the turn goes on."""

from pathlib import Path

from codewhale.testing.long_reads import script, window_beside_header, write_files
from codewhale.testing.scene import Extras, SameLog, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


async def test_pruning(tmp_path: Path, same_log: SameLog) -> None:
    write_files(str(tmp_path), 5, rows=60)
    window = await window_beside_header(str(tmp_path), ENVIRON, 4_500)
    async with scene(str(tmp_path), script(5), environ=ENVIRON, extras=Extras(window=window)) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        same_log(stage, thread.id, "pruning")


async def test_auto_compaction(tmp_path: Path, same_log: SameLog) -> None:
    write_files(str(tmp_path), 2, rows=40)
    window = await window_beside_header(str(tmp_path), ENVIRON, 6_400)
    async with scene(str(tmp_path), script(2), environ=ENVIRON, extras=Extras(window=window)) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, f"begin, and mind {'this and ' * 600}that")
        started = await stage.runtime.uncompact(thread.id)
        await stage.turn(thread.id, started.turn.id)
        same_log(stage, thread.id, "auto_compaction")
