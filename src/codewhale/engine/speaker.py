"""What a model says, as items: text and reasoning, one open at a time. Marks of calls written as text are left out of it."""

from msgspec.structs import replace

from codewhale.domain.records import Carried, Item, ItemKind
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.engine.text_calls import NOTICE, TextCalls


class Speaker:
    """Turns text and reasoning into items: one open at a time, a new one where the kind changes."""

    def __init__(self, recorder: TurnRecorder) -> None:
        self.items: list[Item] = []
        self._recorder = recorder
        self._open: OpenItem | None = None
        self._clean = TextCalls()
        self._found = False

    def say(self, kind: ItemKind, text: str) -> None:
        """More text or reasoning."""
        if kind == "agent_message":
            text = self._clean.feed(text)
        else:
            self.flush()
        if text:
            self._add(kind, text)

    def _add(self, kind: ItemKind, text: str) -> None:
        if self._open is None or self._open.item.kind != kind:
            self._close()
            self._open = self._recorder.open_item(kind)
        self._open.delta(text)

    def seal(self, carried: Carried) -> None:
        """The reasoning under way is a whole block; one without text still has an item, since it has to be given back."""
        if self._open is None or self._open.item.kind != "agent_reasoning":
            self.stop()
            self._open = self._recorder.open_item("agent_reasoning")
        kept = replace(carried, data=self._recorder.ports.redactor.text(carried.data))
        self._open.item = replace(self._open.item, carried=kept)
        self.stop()

    def again(self) -> None:
        """What was said stays in the log as it is, cut off, and is no part of the answer."""
        self.flush()
        if self._open is not None:
            self._open.interrupt()
            self._open = None
        self.items.clear()
        self._recorder.begin_again()

    def flush(self) -> None:
        """No more of this text: what was held back of it is said."""
        clean, self._clean = self._clean, TextCalls()
        rest = clean.end()
        if rest:
            self._add("agent_message", rest)
        self._found = self._found or clean.found

    def over(self) -> None:
        """The call is over, however it ended."""
        self.flush()
        if self._found:
            self._recorder.note_once(NOTICE)

    def stop(self) -> None:
        """What is open is whole."""
        self.flush()
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            self.items.append(self._open.complete())
            self._open = None
