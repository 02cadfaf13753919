"""What a call that waits for approval would do, in the few lines a person needs to decide. Pure."""

from typing import cast

LINES = 40
_REMOVED = ("search", "old", "old_string", "old_text")
_ADDED = ("replace", "new", "new_string", "new_text", "content")
_WHOLE = ("patch", "diff", "command")


def preview(given: object, *, said: str = "") -> str:
    """The command, the patch, or the text before and after as a diff; empty when `said` has it all."""
    if not isinstance(given, dict):
        return ""
    fields = cast("dict[str, object]", given)
    lines: list[str] = []
    for name in _WHOLE:
        whole = fields.get(name)
        if not (isinstance(whole, str) and whole.strip() in said):
            lines += _lines(whole, "")
    for name in _REMOVED:
        lines += _lines(fields.get(name), "- ")
    for name in _ADDED:
        lines += _lines(fields.get(name), "+ ")
    if len(lines) > LINES:
        lines = [*lines[:LINES], f"… {len(lines) - LINES} more lines"]
    return "\n".join("    " + line for line in lines)


def _lines(value: object, mark: str) -> list[str]:
    return [mark + line for line in value.rstrip("\n").split("\n")] if isinstance(value, str) and value else []
