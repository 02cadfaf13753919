"""Threads for people and programs: the list, the transcript, Markdown, the export; and what an approval shows."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from codewhale.domain.errors import InvalidInput
from codewhale.domain.records import Item, ToolCall, Turn
from codewhale.domain.views import ThreadSnapshot, ThreadSummary
from codewhale.surfaces.cli.parser import UsageError
from codewhale.surfaces.cli.preview import preview
from codewhale.surfaces.cli.prompt import read_prompt
from codewhale.surfaces.cli.transcript import export_object, markdown, table, transcript
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import new_thread
from codewhale.testing.turn_script import ended_turn, made_item


def snapshot() -> ThreadSnapshot:
    call = replace(
        made_item("i2", "tool_call", "failed", "1\n2\n"),
        call=ToolCall(id="c", name="exec_shell", arguments='{"command":"seq 2"}'),
    )
    items: tuple[Item, ...] = (
        made_item("i1", "user_message", "completed", "count\nplease"),
        call,
        made_item("i3", "agent_reasoning", "completed", "hmm"),
        made_item("i4", "agent_message", "completed", "Two."),
    )
    turn: Turn = replace(ended_turn("interrupted", "Interrupted on request."), item_ids=("i1", "i2", "i3", "i4"))
    thread = replace(new_thread(ManualClock(), SequentialIds()), id="thr_1", title="Counting")
    return ThreadSnapshot(thread=thread, turns=(turn,), items=items, requests=(), latest_seq=9)


def test_a_transcript_shows_who_said_what() -> None:
    head, *rest = transcript(snapshot()).split("\n")
    assert head == "thr_1  Counting"
    assert rest[1:] == [
        "",
        "> count",
        "> please",
        "",
        "→ exec_shell  seq 2",
        "    1",
        "    2",
        "    [failed]",
        "Two.",
        "",
        "[interrupted: Interrupted on request.]",
        "",
    ]


def test_markdown_fences_what_tools_said() -> None:
    text = markdown(snapshot())
    assert text.startswith("# Counting\n\n`thr_1`")
    assert '### `exec_shell` (failed)\n\n```\n{"command":"seq 2"}\n```\n\n```\n1\n2\n```\n' in text
    ticks = replace(snapshot(), items=(replace(snapshot().items[1], detail="a ```` b"),))
    assert "\n`````\na ```` b\n`````\n" in markdown(ticks)


def test_an_export_holds_the_records_and_a_version() -> None:
    found = msgspec.json.decode(msgspec.json.encode(export_object(snapshot())))
    assert (found["schema"], found["schema_version"], found["latest_seq"]) == ("codewhale.thread-export", 1, 9)
    assert msgspec.convert(found["items"], tuple[Item, ...]) == snapshot().items


def test_a_row_of_the_list() -> None:
    row = ThreadSummary(
        id="thr_1",
        title="a\nlong  title",
        preview="",
        model="m",
        mode="agent",
        archived=True,
        updated_at="2026-01-31T10:11:12.000Z",
        latest_turn_id=None,
        latest_turn_status=None,
        workspace="/w\nv",
    )
    assert table([row], folders=False) == "thr_1  2026-01-31 10:11  empty, archived  a long title\n"
    assert table([row], folders=True).endswith("a long title  /w v\n"), "a folder with a line end in its name, too"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"command": "ls\npwd"}, "    ls\n    pwd"),
        ({"path": "a", "search": "x = 1\n", "replace": "x = 2\n"}, "    - x = 1\n    + x = 2"),
        ({"path": "a", "content": "\n".join("x" * 50)}, "\n".join(["    + x"] * 40) + "\n    … 10 more lines"),
        ({"path": "a"}, ""),
        ("broken", ""),
    ],
)
def test_an_approval_shows_what_would_happen(given: object, shown: str) -> None:
    assert preview(given) == shown


def test_a_prompt_from_words_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "p.md"
    file.write_bytes(b"\xef\xbb\xbfexplain\r\n")
    assert read_prompt(["please"], str(file)) == "please\n\nexplain"


def test_a_prompt_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "p.md"
    file.write_bytes(b"ab\xff")
    with pytest.raises(InvalidInput, match=r"is not UTF-8 text \(byte 2\)"):
        read_prompt([], str(file))


def test_no_prompt_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        read_prompt([" "], None)
