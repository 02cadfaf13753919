"""Model servers at their worst against the real binary: its memory stays bounded (`--full`), and what was reasoned goes back byte
for byte, also from another process."""

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from codewhale.testing.http_calls import Request

if TYPE_CHECKING:
    from conftest import ModelOf, Site

GROWTH = 100 * 1024
"""KiB that the worst answer may cost more than a short one."""
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=100).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
FLOOD = 200 * 1024 * 1024
WORST = {
    "one line": (f'text = "a b"\nfaults = [{{garbage = "huge_line", size = {FLOOD}}}]', 1),
    "comments": (f'text = "a b"\nfaults = [{{garbage = "comments", size = {FLOOD}}}]', 1),
    "a million deltas": ('text = {text = "x", count = 1000000}', 0),
    "a text without end": (f'text = {{text = "{"x" * 1000}", count = 30000}}', 1),
    "arguments of 50 MB": (f'calls = [{{tool = "list_dir", raw_arguments = "{"x" * 50_000_000}"}}]\nchunk = 65536', 0),
    "1000 calls": ("calls = [" + ", ".join(['{tool = "list_dir", arguments = {}}'] * 1000) + "]", 0),
    "a refusal of 20 MB": (f'faults = [{{status = 400, body = "{"x" * 20_000_000}"}}]', 1),
}


@pytest.mark.parametrize("worst", WORST)
def test_memory_is_bounded(worst: str, site: "Site", model_of: "ModelOf", request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--full"):
        pytest.skip("takes seconds each: --full")
    reply, code = WORST[worst]
    usual = _peak(site, model_of('[default]\ntext = "Hello."\n').url, 0)
    assert _peak(site, model_of(f'[[reply]]\n{reply}\n[[reply]]\ntext = "Done."\n').url, code) - usual <= GROWTH


def _peak(site: "Site", url: str, code: int) -> int:
    site.env["DEEPSEEK_BASE_URL"] = url
    command = [sys.executable, "-c", MEASURED, sys.executable, "-m", "codewhale", "exec", "hi"]
    done = _ended(site, command)
    assert done[0] == code, done
    return done[1]


def _ended(site: "Site", command: list[str]) -> tuple[int, int]:
    said = subprocess.run(command, cwd=site.work, env=site.env, capture_output=True, timeout=120, check=True).stdout
    code, peak = said.split()
    return int(code), int(peak)


THOUGHT = 'First — "look", then\n\tdecide: naïve 🐋 <b>\u2028 (1.0e5, /).  '
REASONING = f"""
[[turn]]
[[turn.reply]]
reasoning = {msgspec.json.encode(THOUGHT).decode()}
calls = [{{tool = "list_dir", arguments = {{}}}}]
[[turn.reply]]
reasoning = "Nothing there."
text = "Empty."
[[turn]]
[[turn.reply]]
calls = [{{tool = "list_dir", arguments = {{}}}}]
[[turn.reply]]
text = "Still empty."
faults = [{{cut = "mid_text"}}]
[[turn]]
[[turn.reply]]
text = "And now."
"""


async def test_reasoning_goes_back_byte_for_byte_over_a_resume(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(REASONING)
    site.answered_by(model)
    site.env["DEEPSEEK_MODEL"] = "deepseek-reasoner"
    for words in (["look"], ["--continue", "look again"], ["--continue", "and now?"]):
        done = site.run("exec", *words)
        assert done.code == 0, done.err
    answer = await model.caller.send(Request(method="GET", path="/_requests"))
    bodies = [bytes(one.body) for one in msgspec.json.decode(answer.body, type=list[_Sent])]
    for before, after in pairwise(bodies):
        assert after == before or after.startswith(before.removesuffix(b"]}"))
    sent: list[dict[str, Any]] = msgspec.json.decode(bodies[-1])["messages"]
    replayed = [message.get("reasoning_content") for message in sent if message["role"] == "assistant"]
    assert replayed == [THOUGHT, "Nothing there.", "(reasoning omitted)", None]


class _Sent(msgspec.Struct):
    body: msgspec.Raw
