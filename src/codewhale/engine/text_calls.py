"""Tool calls that a model writes as text. They are never run; their marks are taken out of what is shown and said again.

Only the marks go, what is between them stays to be read. Code (fenced or in backquotes) is left as it is: there they are what
the text is about.
"""

import re

NOTICE = "The model wrote a tool call as text. Such text is never run; its marks were left out."

_REST = r"[^<>\[\]`\n]{0,200}"
_MARK = rf"\[/?TOOL_CALL\]|</?(?:deepseek:)?tool_calls?(?:\s{_REST})?>|</?invoke(?:\s{_REST})?>|</?function_calls>"
_PARTS = rf"(?P<mark>{_MARK})|`+|\n"
_BEGUN = r"(?:<[^<>\[\]`\n]{0,220}|\[/?[A-Z_]{0,9}|`+)\Z"
_NAMES = tuple(
    f"{opening}{name}"
    for opening in ("<", "</")
    for name in ("tool_call", "deepseek:tool_call", "invoke", "function_calls>")
)
_WHOLE = ("[TOOL_CALL]", "[/TOOL_CALL]")


class TextCalls:
    """One answer's text, piece by piece. `found`: whether there was a mark in it."""

    def __init__(self) -> None:
        self.found = False
        self._held = ""
        self._fenced = False
        self._quoted = 0

    def feed(self, text: str) -> str:
        """The text without marks; what may be the beginning of one is held back."""
        if not self._held and not self._quoted and not any(c in text for c in "<[`"):
            return text
        text = self._held + text
        begun = re.search(_BEGUN, text)
        cut = begun.start() if begun is not None and _may_become_a_mark(begun.group()) else len(text)
        self._held = text[cut:]
        return self._without(text[:cut])

    def end(self) -> str:
        """What was held back: nothing more comes."""
        text, self._held = self._held, ""
        return self._without(text)

    def _without(self, text: str) -> str:
        return re.sub(_PARTS, self._kept, text) if text else ""

    def _kept(self, token: re.Match[str]) -> str:
        text = token.group()
        if token.lastgroup == "mark":
            if self._fenced or self._quoted:
                return text
            self.found = True
            return ""
        if text == "\n":
            self._quoted = 0
        elif len(text) >= 3 and not self._quoted:
            self._fenced = not self._fenced
        elif not self._fenced:
            self._quoted = 0 if self._quoted == len(text) else self._quoted or len(text)
        return text


def _may_become_a_mark(text: str) -> bool:
    if text.startswith("`"):
        return True
    if text.startswith("["):
        return any(whole.startswith(text) for whole in _WHOLE)
    return any(name.startswith(text) or text.startswith(name) for name in _NAMES)
