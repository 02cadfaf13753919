"""A program that is talked to while it runs, as language servers are. Started by `Processes.converse`; it ends by itself,
by `end`, or with its owner, and then nothing that it started is running any more.

No task and nothing to await: what it says comes to a callback, what is said to it is written as fast as it reads.
"""

from collections.abc import Callable

from codewhale.workspace.capture import Capture
from codewhale.workspace.child import Child, signal_name


class Heard:
    """Stdout of a conversation, handed on as it comes."""

    def __init__(self, on_output: Callable[[bytes], None]) -> None:
        self._on_output = on_output

    def feed(self, chunk: bytes) -> None:
        self._on_output(chunk)


class Conversation:
    """One running program with its standard streams."""

    def __init__(self, child: Child, errors: Capture) -> None:
        self._child = child
        self._errors = errors

    def say(self, content: bytes) -> None:
        """More for its stdin. After its end it is dropped."""
        if not self.over:
            self._child.say(content)

    def say_last(self, content: bytes) -> None:
        """The rest of its stdin, which ends after it."""
        if not self.over:
            self._child.feed(content)

    @property
    def unsaid(self) -> int:
        """Bytes that it has not read yet; who says much must look at it."""
        return self._child.unsaid

    @property
    def over(self) -> bool:
        """Whether it has ended, its pipes read to their end."""
        return self._child.done.is_set()

    @property
    def ending(self) -> str:
        """How it ended, in words, with the last of what it wrote to stderr."""
        code = self._child.process.returncode
        if code is None:
            how = "did not end" if self.over else "is running"
        else:
            how = f"exit code {code}" if code >= 0 else f"ended by {signal_name(-code)}"
        lines = self._errors.captured().text.strip().splitlines()
        return f"{how}: {lines[-1][:200]}" if lines else how

    def end(self) -> None:
        """Kill it and all that it started. Returns at once; `ended` follows within a bound."""
        self._child.kill()

    async def ended(self) -> None:
        """Wait until it is over."""
        await self._child.done.wait()
