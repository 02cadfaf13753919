"""The whole output of an earlier call, as the log keeps it: what a tool asks for and what it gets."""

from msgspec import Struct

from codewhale.domain.wishes import Wish


class KeptOutput(Struct, frozen=True, kw_only=True):
    """The output of a call of `tool`, whole. `bytes` is its size in UTF-8."""

    tool: str
    call_id: str
    text: str
    bytes: int


class ReadOutput(Wish[KeptOutput], frozen=True, kw_only=True):
    """The output of this thread that `ref` names: a call id, an item id, or the sha256 of a large output (`sha256:…`)."""

    ref: str
