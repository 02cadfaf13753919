"""What the engine needs from outside to record: the log, time and identity, and who takes secrets out."""

from msgspec import Struct

from codewhale.domain.ports import Clock, Ids
from codewhale.policy.redaction.redactor import OFF, Redactor
from codewhale.store.port import Store


class Ports(Struct, frozen=True, kw_only=True):
    """Given to everything that records. `redactor` is the one that the store has too: what is kept in memory for the model and
    what is in the log are the same text."""

    store: Store
    clock: Clock
    ids: Ids
    redactor: Redactor = OFF
