"""Put the golden log into docs/ARCHITECTURE.md, or with --check say where the document and the log differ.

A code block right after `<!-- log A-B -->` holds events A to B of the golden log, counted from 1; the prose around it is
written by hand. The blocks together show every event once and in order, so the document cannot pass over one.
"""

import re
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/ARCHITECTURE.md"
LOG = ROOT / "tests/golden/tools_and_gate.jsonl"
BLOCK = re.compile(r"(<!-- log (\d+)-(\d+) -->\n```text\n)(.*?)(```\n)", re.DOTALL)
WIDTH = 118

Fields = dict[str, Any]


def main() -> int:
    """Exit code 0 when the document is written, or agrees with the log."""
    old = DOCUMENT.read_text("utf-8")
    events = [msgspec.json.decode(line, type=Fields) for line in LOG.read_bytes().splitlines() if line.strip()]
    shown = [n for block in BLOCK.finditer(old) for n in range(int(block[2]), int(block[3]) + 1)]
    wanted = list(range(1, len(events) + 1))
    new = BLOCK.sub(lambda block: block[1] + _lines(events, int(block[2]), int(block[3])) + block[5], old)
    if "--check" not in sys.argv:
        DOCUMENT.write_text(new, "utf-8")
    elif new != old:
        print(f"docs/ARCHITECTURE.md shows another log than {LOG.name}; run ./run reference and read the text again")
        return 1
    if shown != wanted:
        print(
            f"docs/ARCHITECTURE.md shows events {shown} of {LOG.name}, which has 1 to {len(events)}: mend its markers"
        )
        return 1
    print(f"docs/ARCHITECTURE.md walks through {len(events)} events")
    return 0


def _lines(events: list[Fields], first: int, last: int) -> str:
    return "".join(f"{_line(event)[:WIDTH].rstrip()}\n" for event in events[first - 1 : last])


def _line(event: Fields) -> str:
    name: str = event["event"]
    return f"{event['seq']:>3} {name:<19} {_where(event):<7} {_what(name, event['payload'])}"


def _where(event: Fields) -> str:
    found: str | None = event.get("item") or event.get("turn")
    return found or ""


def _what(name: str, payload: Fields) -> str:
    """The part of a payload that tells the story."""
    match name.partition("."):
        case ("thread", _, _):
            thread = payload["thread"]
            return f"model {thread['model']}, mode {thread['mode']}"
        case ("turn", _, "lifecycle"):
            return payload["status"]
        case ("turn", _, "started" | "completed"):
            turn = payload["turn"]
            end = f"{turn['status']}, {len(turn['item_ids'])} items"
            return f"{turn['status']}: {_quoted(turn['input_summary'])}" if name.endswith("started") else end
        case ("item", _, "delta"):
            return f"{payload['kind']} {_quoted(payload['delta'])}"
        case ("item", _, _):
            item = payload["item"]
            return f"{item['kind']} {item['status']}: {_quoted(item['summary'])}"
        case ("call", _, _):
            return f"{payload['tool']}: {payload['verdict']} ({payload['rule']})"
        case ("approval", _, "required"):
            return f"{payload['tool_name']}: {_quoted(payload['description'])}"
        case ("approval", _, _):
            return " ".join(f"{key}={payload[key]}" for key in ("decision", "auto", "reason") if payload.get(key))
        case ("step", _, _):
            return f"step {payload['step']}: {payload['finish_reason']}"
        case _:
            return msgspec.json.encode(payload).decode()


def _quoted(text: str) -> str:
    return '"' + text.replace("\n", "⏎") + '"'


if __name__ == "__main__":
    sys.exit(main())
