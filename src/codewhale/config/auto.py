"""`[auto]` of a settings file: how `model = "auto"` chooses, and whom it may ask when a message tells too little."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.messages import Effort

Text = Annotated[str, Meta(min_length=1)]


class RouterKeys(Struct, frozen=True, kw_only=True):
    """`[auto.router]`."""

    enabled: bool | None = None
    model: Text | None = None
    thinking: Effort | None = None
    timeout_secs: Annotated[float, Meta(gt=0, le=120)] | None = None


class AutoKeys(Struct, frozen=True, kw_only=True):
    """`[auto]`."""

    cost_saving: bool | None = None
    strong: Text | None = None
    fast: Text | None = None
    router: RouterKeys = RouterKeys()


class Router(Struct, frozen=True, kw_only=True):
    """Who is asked about a message that tells too little: a model of the same provider (None: the fast one)."""

    enabled: bool = True
    model: str | None = None
    thinking: Effort = "off"
    timeout_secs: float = 10.0


class Auto(Struct, frozen=True, kw_only=True):
    """What `auto` chooses between (None: what the provider's profile names), and how."""

    cost_saving: bool = False
    strong: str | None = None
    fast: str | None = None
    router: Router = Router()


def auto_of(keys: AutoKeys) -> Auto | None:
    """What a file says; None when it says nothing."""
    if keys == AutoKeys():
        return None
    router = {
        name: value for name in keys.router.__struct_fields__ if (value := getattr(keys.router, name)) is not None
    }
    return Auto(
        cost_saving=bool(keys.cost_saving),
        strong=keys.strong,
        fast=keys.fast,
        router=Router(**router),
    )
