"""What is known of providers and their models, as data: one TOML file per provider, and `profiles.json` with all of them.

Quirks live here and nowhere in code. A run reads the JSON, which `./run reference` makes: TOML takes longer to read than
the rest of the settings. A provider without a file works from its
`base_url` alone, with `UNKNOWN`.
"""

import os
import re
from functools import cache
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from codewhale.domain.messages import Effort

Replay = Literal["none", "reasoning_content", "reasoning", "sealed"]
"""How earlier reasoning goes back: in a field of the message, or as the sealed blocks in which it came."""
Dialect = Literal["chat", "anthropic", "responses"]
Fields = dict[str, object]

DEFAULT_WINDOW = 128_000
LARGE_WINDOW = 500_000
OUTPUT_CEILING = 65_536
CLAUDE_WINDOW = 200_000
LONGEST_HINT = 5

_HERE = os.path.dirname(os.path.abspath(__file__))


class ModelFacts(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Facts on the models whose name, without vendor prefix and in lower case, fits `match` (`*` stands for anything).
    Sizes in tokens; what is absent comes from the profile. `replay`: earlier reasoning must be sent back. `dialect` holds at
    the provider's own address only; `efforts` and `body` take the place of the profile's for these models."""

    match: str
    window: int | None = None
    max_output: int | None = None
    replay: bool | None = None
    effort: bool | None = None
    dialect: Dialect | None = None
    efforts: dict[Effort, Fields] | None = None
    body: Fields | None = None


class Profile(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One provider. `key_env`, `base_url_env` and `model_env` name environment variables in order of precedence; reading
    them is the configuration's. `effort` gives, per effort, the fields of the request body. `replay` names the field in
    which this provider takes back reasoning. `open_timeout`: seconds until the response head, for servers that load the
    model first. `body` are fields of every request. `aliases` are
    other spellings of model names, in lower case. `strong_model` and `fast_model` are what `auto` chooses between."""

    id: str
    title: str
    dialect: Dialect = "chat"
    base_url: str
    key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    model_env: tuple[str, ...] = ()
    keyless: bool = False
    default_model: str
    window: int = DEFAULT_WINDOW
    max_output: int | None = None
    output_field: str = "max_tokens"
    usage_in_stream: bool = True
    call_signatures: bool = False
    open_timeout: float | None = None
    replay: Replay = "none"
    effort: dict[Effort, Fields] = {}
    body: Fields = {}
    aliases: dict[str, str] = {}
    strong_model: str | None = None
    fast_model: str | None = None
    models: tuple[ModelFacts, ...] = ()


UNKNOWN = Profile(
    id="custom",
    title="OpenAI-compatible server",
    base_url="",
    keyless=True,
    default_model="",
    open_timeout=300.0,
)
"""For a provider that has no file: nothing is assumed but the dialect."""


DIALECT_EFFORT: dict[Dialect, dict[Effort, Fields]] = {
    "chat": {},
    "anthropic": {
        "off": {"thinking": {"type": "disabled"}},
        "low": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        "medium": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
        "high": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        "max": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
    },
    "responses": {
        "off": {"reasoning": {"effort": "low"}},
        "low": {"reasoning": {"effort": "low", "summary": "auto"}},
        "medium": {"reasoning": {"effort": "medium", "summary": "auto"}},
        "high": {"reasoning": {"effort": "high", "summary": "auto"}},
        "max": {"reasoning": {"effort": "high", "summary": "auto"}},
    },
}
"""The fields per effort of a dialect, for an endpoint whose profile speaks another one."""


def profile_ids() -> list[str]:
    """The ids of all providers with a file, sorted."""
    return sorted(_shipped())


def load_profile(provider: str) -> Profile | None:
    """The profile, None when there is no file for it."""
    found = _shipped().get(provider)
    return None if found is None else msgspec.json.decode(found, type=Profile)


@cache
def _shipped() -> dict[str, Raw]:
    with open(os.path.join(_HERE, "profiles.json"), "rb") as file:
        return msgspec.json.decode(file.read(), type=dict[str, Raw])


def model_facts(profile: Profile, model: str) -> ModelFacts:
    """What the profile knows of `model`: of all entries that fit, the first that says something, field by field."""
    name = model.rpartition("/")[2].lower()
    known = [facts for facts in profile.models if fits(facts.match, name)]
    return ModelFacts(
        match=name,
        window=next((f.window for f in known if f.window is not None), named_window(name) or profile.window),
        max_output=next((f.max_output for f in known if f.max_output is not None), profile.max_output),
        replay=next((f.replay for f in known if f.replay is not None), False),
        effort=next((f.effort for f in known if f.effort is not None), True),
        dialect=next((f.dialect for f in known if f.dialect is not None), None),
        efforts=next((f.efforts for f in known if f.efforts is not None), None),
        body=next((f.body for f in known if f.body is not None), None),
    )


def named_window(model: str) -> int | None:
    """A guess at the window out of the model's name: `…-32k` says it, a Claude has 200,000. None: the name tells nothing."""
    for part in re.split(r"[^a-z0-9]+", model.rpartition("/")[2].lower()):
        if part.endswith("k") and part[:-1].isdecimal() and 1 < len(part) <= LONGEST_HINT:
            return int(part[:-1]) * 1000 or None
    return CLAUDE_WINDOW if model.rpartition("/")[2].lower().startswith("claude") else None


def window_source(profile: Profile, model: str) -> Literal["known", "name", "default"]:
    """Where the window of a model comes from: what is known of it, a guess from its name, what is usual for the provider."""
    name = model.rpartition("/")[2].lower()
    if any(facts.window is not None and fits(facts.match, name) for facts in profile.models):
        return "known"
    return "name" if named_window(name) else "default"


def output_limit(window: int, ceiling: int | None, *, known: bool) -> int | None:
    """What to send as output limit when nobody asks for less: 65,536, at most half of a small window, at most the model's
    ceiling; nothing when neither window nor ceiling is known."""
    if ceiling is None and not known:
        return None
    usual = OUTPUT_CEILING if window >= LARGE_WINDOW else min(window // 2, OUTPUT_CEILING)
    return usual if ceiling is None else min(usual, ceiling)


def fits(pattern: str, name: str) -> bool:
    """Whether `name` fits `pattern`, in which `*` stands for any text."""
    head, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    if not name.startswith(head):
        return False
    at = len(head)
    for part in rest[:-1]:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - at >= len(rest[-1]) and name.endswith(rest[-1])
