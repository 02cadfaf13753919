"""The system text of a thread: fixed for the thread's life, so that the provider's prefix cache holds.

It depends on nothing that changes between two requests (no date, no directory listing).
"""

import os
import sys
from functools import cache

from codewhale.domain.records import Thread


def system_text(thread: Thread, confined: str = "") -> str:
    """The thread's own prompt when it has one (it replaces all of ours), else the base prompt and the environment, with what
    holds the programs that it starts."""
    if thread.system_prompt:
        return thread.system_prompt
    held = f"- sandbox: {confined}\n" if confined else ""
    return f"{base_prompt()}\nEnvironment\n- workspace: {thread.workspace}\n- platform: {sys.platform}\n{held}"


@cache
def base_prompt() -> str:
    """The packaged base prompt."""
    path = os.path.join(os.path.dirname(__file__), "prompts", "base.md")
    with open(path, encoding="utf-8") as file:
        return file.read()
