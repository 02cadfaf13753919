"""Blocks of reasoning that go back to their provider as they came: made when they arrive, checked before they are sent.

A block whose text or data is no longer what came (a secret was taken out of it, say) is left out: its provider would refuse
it. The same holds for blocks of another model or dialect.
"""

from collections.abc import Iterable
from hashlib import blake2b

from codewhale.domain.messages import AssistantMessage, Message, Reasoned
from codewhale.domain.records import Carried


def carried(dialect: str, model: str, text: str, data: str) -> Carried:
    """What goes with a block of reasoning that came as `text` and `data`."""
    return Carried(dialect=dialect, model=model, data=data, seal=_seal(text, data))


def replayable(message: AssistantMessage, dialect: str, model: str) -> list[Reasoned]:
    """The blocks of a message that this model takes back."""
    return [
        block
        for block in message.reasoned
        if block.carried.dialect == dialect
        and block.carried.model == model
        and block.carried.seal == _seal(block.text, block.carried.data)
    ]


def sealed_chars(messages: Iterable[Message], dialect: str, model: str) -> int:
    """How many characters of earlier reasoning go back, as far as the text of the blocks tells."""
    said = (message for message in messages if isinstance(message, AssistantMessage))
    return sum(len(block.text) for message in said for block in replayable(message, dialect, model))


def _seal(text: str, data: str) -> str:
    return blake2b(f"{len(text)}:{text}{data}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
