"""A long piece of work for a scripted model, and a cache of prefixes as providers have one, for tests and benchmarks of what
a conversation's requests have in common.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

TAIL = b"]}"
"""What closes a request whose messages come last."""
BLOCK = 256
"""Bytes of a block of about 64 tokens: providers keep whole ones."""
SUMMARY = "The work goes on: parts are done in order, and every file so far was read."


class Share(Struct, frozen=True, kw_only=True):
    """A request's bytes, how many the one before had, how many of them an earlier request began with too, and whether it only
    continues the one before."""

    total: int
    before: int
    hit: int
    continues: bool


def work_script(parts: int, steps: int, *, search_in: int) -> str:
    """A script: the message with `Part N.` is answered in `steps` steps, tools but for the last; in the part `search_in` a tool
    is found on the way. Whatever else is asked gets a summary."""
    turns = "".join(_turn(part, steps, search=part == search_in) for part in range(1, parts + 1))
    return f"{turns}\n[default]\ntext = {_quoted(SUMMARY)}\n"


def work_files(folder: Path, parts: int) -> None:
    """The files that the work reads: every third one is long, as files are."""
    for part in range(1, parts + 1):
        count = 800 if part % 3 == 1 else 12
        (folder / f"part{part}.txt").write_text("".join(f"line {line} of part {part}\n" for line in range(1, count)))


def _turn(part: int, steps: int, *, search: bool) -> str:
    replies: list[str] = []
    for step in range(1, steps):
        call = _call(part, step)
        if search and step == steps // 2:
            call = '{ tool = "tool_search", arguments = { query = "validate_data", match = "name" } }'
        replies.append(f'[[turn.reply]]\nreasoning = "Step {step} of part {part}."\ncalls = [{call}]\n')
    replies.append(f'[[turn.reply]]\ntext = "Part {part} is done."\n')
    return f'[[turn]]\nwhen = {{ contains = "Part {part}." }}\n' + "".join(replies)


def _call(part: int, step: int) -> str:
    match step % 4:
        case 0:
            return (
                f'{{ tool = "write_file", arguments = {{ path = "out/{part}-{step}.txt", content = "part {part}" }} }}'
            )
        case 1:
            return f'{{ tool = "read_file", arguments = {{ path = "part{part}.txt" }} }}'
        case 2:
            return f'{{ tool = "grep_files", arguments = {{ pattern = "line {step}\\\\b", path = "part{part}.txt" }} }}'
        case _:
            return '{ tool = "list_dir", arguments = { path = "." } }'


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def shares(bodies: Sequence[bytes]) -> list[Share]:
    """What a cache that keeps every request would have had of each, in the order in which they were made."""
    found: list[Share] = []
    for number, body in enumerate(bodies):
        earlier = bodies[:number]
        common = max((_common(before, body) for before in earlier), default=0)
        continues = bool(earlier) and body.startswith(earlier[-1].removesuffix(TAIL))
        found.append(
            Share(
                total=len(body),
                before=len(earlier[-1]) if earlier else 0,
                hit=common - common % BLOCK,
                continues=continues,
            )
        )
    return found


def _common(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
