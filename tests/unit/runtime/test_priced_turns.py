"""From settings to a receipt: the whole runtime against a served model, with a price table of one's own."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from codewhale.config.layers import Layer
from codewhale.config.load import Overrides, load
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.usage import UsageQuery
from codewhale.llm.scripted.script import parse_script
from codewhale.llm.scripted.server import ScriptedModel
from codewhale.runtime.assembly import open_runtime

OWN = """
[[prices]]
match = "*"
valid_from = "2020-01-01T00:00:00.000Z"
cache_hit = 1.0
cache_miss = 1.0
output = 1.0
source = "our contract"
"""


@pytest.mark.parametrize(("own", "complete"), [(OWN, True), (None, False)])
async def test_a_turn_is_charged_by_the_table_that_holds_for_its_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, complete: bool
) -> None:
    monkeypatch.setenv("CODEWHALE_HOME", str(tmp_path))
    if own is not None:
        (tmp_path / "prices").mkdir()
        (tmp_path / "prices" / "deepseek.toml").write_text(own)
    async with asyncio.timeout(10), ScriptedModel(parse_script('[[reply]]\ntext = "Hello."')) as server:
        layer = Layer(provider="deepseek", base_url=server.url, workspace=str(tmp_path))
        async with open_runtime(load(Overrides(layer=layer))) as runtime:
            thread = await runtime.create_thread(NewThread())
            await runtime.start_turn(thread.id, TurnInput(prompt="hello"))
            async with aclosing(runtime.events(thread.id)) as batches:
                async for batch in batches:
                    if any(event.event == "turn.completed" for event in batch):
                        break
            report = await runtime.introspection.usage(UsageQuery(group_by="provider"))
    assert [bucket.key for bucket in report.buckets] == ["deepseek"]
    assert report.totals.cost_complete is complete
    assert (report.totals.cost_usd > 0) is complete
