"""The modes a turn can run in. Pure: a word becomes a mode, never an error."""

from typing import Literal

Mode = Literal["agent", "plan", "yolo"]


def parse_mode(text: str) -> Mode:
    """`plan` and `yolo` in any case; every other word is `agent`, the mode that asks."""
    match text.strip().lower():
        case "plan":
            return "plan"
        case "yolo":
            return "yolo"
        case _:
            return "agent"
