"""The rules that hold for a call, as a value. What they say about calls is `rules.py`, loaded with the first call."""

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from codewhale.domain.rules import Rule


class Rules(Struct, frozen=True, kw_only=True):
    """`own` are the person's. `limits` come from elsewhere (a project, an agent): only what tightens counts. `broken` says
    which source could not be read; until it can, everything is asked."""

    own: "tuple[Rule, ...]" = ()
    limits: "tuple[Rule, ...]" = ()
    broken: tuple[str, ...] = ()


NO_RULES = Rules()


def both(one: Rules, other: Rules) -> Rules:
    """Rules that allow what both allow and limit what either limits."""
    if one == other:
        return one
    own = tuple(rule for rule in one.own if rule in other.own)
    rest = [rule for rule in (*one.own, *other.own, *one.limits, *other.limits) if rule.action != "allow"]
    limits = tuple(dict.fromkeys(rule for rule in rest if rule not in own))
    return Rules(own=own, limits=limits, broken=tuple(dict.fromkeys(one.broken + other.broken)))
