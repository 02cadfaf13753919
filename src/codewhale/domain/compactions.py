"""What a compaction did to the conversation that a model is sent. The items that it passed over stay in the log."""

from typing import Literal

from msgspec import Struct

CompactionAct = Literal["pruned", "summarized", "restored"]


class Compaction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`pruned`: results of calls became one line each, `pruned` has them by call id. `summarized`: the item's detail stands for
    all but the latest `kept_steps` steps. `restored`: the latest compaction that is still in force is so no longer. Tokens are
    estimates of the whole request before and after."""

    act: CompactionAct
    tokens_before: int
    tokens_after: int
    kept_steps: int = 0
    pruned: dict[str, str] = {}
