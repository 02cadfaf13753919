"""Reading scripts: what loads, and what a mistake is answered with."""

import re
from pathlib import Path

import pytest

from codewhale.domain.errors import ConfigError
from codewhale.domain.records import Usage
from codewhale.llm.scripted.faults import Drip, Fault, fault_of
from codewhale.llm.scripted.script import Call, Hold, Repeat, Reply, Script, load_script, parse_script

EVERYTHING = """
models = ["a", "b"]
strict = false

[[reply]]
reasoning = ["think", "ing"]
text = { text = "word ", count = 3 }
calls = [{ tool = ["read_file", "cat"], arguments = { path = "x" } }]
usage = { input_tokens = 3, output_tokens = 4, prompt_cache_hit_tokens = 2 }
hold = { name = "go", at = "mid_text" }
faults = [{ error = "rate_limit", retry_after = 2, times = 2 }, { drip = { bytes = 3, interval = 0.1 } }]

[default]
text = "enough"
"""


def test_a_script_is_typed_values() -> None:
    reply = Reply(
        reasoning=("think", "ing"),
        text=Repeat(text="word ", count=3),
        calls=(Call(tool=("read_file", "cat"), arguments={"path": "x"}),),
        usage=Usage(input_tokens=3, output_tokens=4, prompt_cache_hit_tokens=2),
        hold=Hold(name="go", at="mid_text"),
        faults=(Fault(error="rate_limit", retry_after=2, times=2), Fault(drip=Drip(bytes=3, interval=0.1))),
    )
    expected = Script(models=("a", "b"), strict=False, reply=(reply,), default=Reply(text="enough"))
    assert parse_script(EVERYTHING) == expected


def test_json_and_toml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"reply": [{"text": "hi"}]}')
    (tmp_path / "s.toml").write_text('[[reply]]\ntext = "hi"\n')
    assert load_script(tmp_path / "s.json") == load_script(tmp_path / "s.toml") == Script(reply=(Reply(text="hi"),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[reply]]\ntxt = "a"', "unknown field `txt` - at `reply[0]`"),
        ('[[reply]]\ntext = "a"\ncalls = [{ tool = "x", args = {} }]', "unknown field `args` - at `reply[0].calls[0]`"),
        ("[[reply]]\ntext = 1", "`reply[0].text`"),
        ("replies = []", "unknown field `replies`"),
        ('[[reply]]\ntext = "a"\nfaults = [{ at = "mid_text" }]', "the fault does nothing"),
        ('[[reply]]\ncalls = [{ tool = "x" }]\nfaults = [{ cut = "mid_text" }]', "the reply has no text"),
        ('[[reply]]\ntext = "x"\nhold = { name = "a", at = "mid_arguments" }', "the reply has no calls"),
        ('[[reply]]\ntext = "x"\nfaults = [{ cut = "nowhere" }]', "`reply[0].faults[0].cut`"),
        ('[[reply]]\ncalls = [{ tool = "x", arguments = {}, raw_arguments = "" }]', "arguments or raw_arguments"),
        ('[[reply]]\ntext = "a"\n[[turn]]\nreply = [{ text = "b" }]', "[[reply]] or [[turn]] without when, not both"),
        ('[[turn]]\nwhen = {}\nreply = [{ text = "b" }]', "when needs"),
        ("[[turn]]\nreply = []", "at least one reply"),
        ('[[reply]]\ntext = "x"\nfaults = [{ headers = { a = "b\\r\\nc: d" } }]', "line breaks"),
        ("[[reply]\n", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_script(text, name="my.toml")
    assert caught.value.message.startswith("my.toml: ")
    assert said in caught.value.message


def test_a_missing_file_and_a_file_of_other_bytes_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_script(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_script(tmp_path / "bytes.toml")


def test_faults_are_spent_attempt_by_attempt() -> None:
    twice, once = Fault(status=500, times=2), Fault(cut="before_done")
    assert [fault_of((twice, once), n) for n in range(4)] == [twice, twice, once, None]
    assert fault_of((Fault(status=500, times=0),), 99) == Fault(status=500, times=0)


def test_the_examples_of_the_guide_load() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "scripted-model.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        parse_script(example)
