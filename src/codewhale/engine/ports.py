"""What the engine needs from outside to record: the log, time and identity."""

from msgspec import Struct

from codewhale.domain.ports import Clock, Ids
from codewhale.store.port import Store


class Ports(Struct, frozen=True, kw_only=True):
    """Given to everything that records."""

    store: Store
    clock: Clock
    ids: Ids
