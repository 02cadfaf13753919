"""One thread over every dialect, through the real binary and over real HTTP: what a step appends leaves all bytes before it
as they were, also after a restart, and reasoning goes back as it came (the strict scripted model checks its seals)."""

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec import Raw, Struct

from codewhale.testing.http_calls import Request

if TYPE_CHECKING:
    from conftest import ModelOf, Site

SCRIPT = """
[[turn]]
[[turn.reply]]
reasoning = "First I look. 先看"
text = "Let me look."
usage = {input_tokens = 1000, output_tokens = 20, prompt_cache_hit_tokens = 400, prompt_cache_miss_tokens = 600}
[[turn.reply.calls]]
id = "call.one"
tool = "read_file"
arguments = {path = "a.txt"}
[[turn.reply.calls]]
id = "call_two"
tool = "list_dir"
arguments = {path = "."}
[[turn.reply]]
reasoning = "Now I know."
text = "It says one."
[[turn]]
[[turn.reply]]
reasoning = "Asked again."
[[turn.reply.calls]]
id = "call_three"
tool = "read_file"
arguments = {path = "a.txt"}
[[turn.reply]]
text = "Still one."
"""
"""Two turns, the second after a restart; one id is such that not every API takes it."""

CONFIG = """
provider = "own"
[providers.own]
dialect = "{dialect}"
base_url = "{url}"
model = "scripted"
api_key = "sk-own"
"""
PATHS = {"chat": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses"}
ENDS = {"chat": b"]}", "anthropic": b"]}]}", "responses": b"]}"}
MARK = b',"cache_control":{"type":"ephemeral"}'


class Asked(Struct):
    """One request as the model had it."""

    path: str
    status: int
    body: Raw


@pytest.mark.parametrize("dialect", PATHS)
async def test_every_dialect_carries_a_thread_over_a_restart(dialect: str, site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    (site.work / "a.txt").write_text("one\n")
    site.home.mkdir()
    (site.home / "config.toml").write_text(CONFIG.format(dialect=dialect, url=model.url))
    first = site.run("exec", "what does it say?")
    assert (first.code, first.out) == (0, "Let me look.\nIt says one.\n"), first.err
    again = site.run("exec", "--continue", "and now?")
    assert (again.code, again.out) == (0, "Still one.\n"), again.err
    answer = await model.caller.send(Request(method="GET", path="/_requests"))
    asked = msgspec.json.decode(answer.body, type=list[Asked])
    assert [(one.path, one.status) for one in asked] == [(PATHS[dialect], 200)] * 4
    bodies = [bytes(one.body).replace(MARK, b"") for one in asked]
    for before, after in pairwise(bodies):
        assert before.endswith(ENDS[dialect])
        assert after.startswith(before.removesuffix(ENDS[dialect]))


async def test_reasoning_goes_back_with_its_seal(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    (site.work / "a.txt").write_text("one\n")
    site.home.mkdir()
    (site.home / "config.toml").write_text(CONFIG.format(dialect="anthropic", url=model.url))
    assert site.run("exec", "what does it say?").code == 0
    answer = await model.caller.send(Request(method="GET", path="/_requests"))
    last = msgspec.json.decode(answer.body, type=list[Asked])[-1]
    said = msgspec.json.decode(last.body)["messages"][1]["content"]
    assert [block["type"] for block in said] == ["thinking", "text", "tool_use", "tool_use"]
    assert (said[0]["thinking"], said[0]["signature"][:4]) == ("First I look. 先看", "sig-")
    assert said[2]["id"].startswith("id-")
    assert said[3]["id"] == "call_two"
