"""`[vision_model]`: the endpoint that looks at pictures for `image_analyze`. Without it the tool is not there."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.config.settings import Secret, Vision

Text = Annotated[str, Meta(min_length=1)]


class VisionKeys(Struct, frozen=True, kw_only=True):
    """`[vision_model]`: an OpenAI-compatible endpoint; the key is in `api_key`, or in the variable that `api_key_env` names."""

    model: Text
    base_url: Text
    api_key: Text | None = None
    api_key_env: Text | None = None


def vision_of(keys: VisionKeys | None) -> Vision | None:
    """The settings that the keys make."""
    if keys is None:
        return None
    key = Secret(keys.api_key) if keys.api_key else None
    return Vision(model=keys.model, base_url=keys.base_url, api_key=key, api_key_env=keys.api_key_env)
