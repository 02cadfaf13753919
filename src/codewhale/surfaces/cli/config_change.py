"""The check of a change to the settings before it is written: a file that worked goes on working."""

import os
import tomllib
from collections.abc import Callable, Sequence

from codewhale.config.keys import layer_of
from codewhale.config.layers import Layer
from codewhale.config.managed import required_of
from codewhale.config.sources import SYSTEM, Overrides, allowed_cage, allowed_policy, files_of
from codewhale.domain.errors import ConfigError

Check = Callable[[str, str], str]


def checked(env: dict[str, str], file: str, place: Sequence[str]) -> Check:
    """A check of (text before, text after) that gives back the text to write. `ConfigError` for a change that would make a
    file unusable that was not, or that this machine's requirements forbid."""
    profile = place[1] if place[0] == "profiles" else None

    def check(before: str, after: str) -> str:
        layer = _layer(after, file, profile)
        if isinstance(layer, ConfigError):
            if isinstance(_layer(before, file, profile), ConfigError):
                return after  # it was unusable for another reason; one thing is mended at a time
            raise layer
        _within_requirements(layer, file, env, place[-1])
        return after

    return check


def _layer(text: str, file: str, profile: str | None) -> Layer | ConfigError:
    try:
        table = tomllib.loads(text)
        return layer_of(table, file, profile if profile in table.get("profiles", {}) else None)
    except ConfigError as error:
        return error


def _within_requirements(layer: Layer, file: str, env: dict[str, str], key: str) -> None:
    if key not in ("approval_policy", "sandbox_mode", "mode"):
        return
    named = file if os.path.lexists(file) else os.devnull  # a file that is about to be made names none
    required = required_of(files_of(Overrides(config=named), env, None, SYSTEM).requirements)
    allowed_policy(required, layer.approval_policy, layer.mode or "agent")
    allowed_cage(required, layer.sandbox_mode)
