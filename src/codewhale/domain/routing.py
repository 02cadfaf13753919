"""Which route a turn's calls take when it is not the one that was named, as recorded."""

from typing import ClassVar, Literal

from msgspec import Struct

from codewhale.domain.messages import Effort

RouteCause = Literal["auto", "fallback"]
"""`auto`: the model was left to us; `fallback`: the route asked for could not answer."""


class RouteChosen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The turn's calls go to this route from here on, and why (ours; the HTTP stream leaves it out)."""

    WIRE: ClassVar[str] = "route.chosen"
    cause: RouteCause
    provider: str
    model: str
    reason: str
    effort: Effort | None = None
