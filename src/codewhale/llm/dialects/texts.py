"""Adjacent deltas of one kind, merged: one network read gives at most one of a kind in a row."""

from codewhale.domain.messages import ModelEvent, ReasoningDelta, TextDelta


class Texts:
    """The texts of one read, in order; other events may come between."""

    __slots__ = ("_events", "_kind", "_parts")

    def __init__(self) -> None:
        self._events: list[ModelEvent] = []
        self._kind: type[TextDelta | ReasoningDelta] = TextDelta
        self._parts: list[str] = []

    def add(self, kind: type[TextDelta | ReasoningDelta], text: str) -> None:
        """More text; empty text is nothing."""
        if not text:
            return
        if kind is not self._kind:
            self.finish()
            self._kind = kind
        self._parts.append(text)

    def put(self, event: ModelEvent) -> None:
        """An event that ends the text before it."""
        self.finish().append(event)

    def finish(self) -> list[ModelEvent]:
        """All events so far."""
        if self._parts:
            self._events.append(self._kind("".join(self._parts)))
            self._parts.clear()
        return self._events
