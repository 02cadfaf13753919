"""The redactor of a runtime: from settings and environment to the values and shapes that are taken out of all it keeps."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from codewhale.config.settings import Settings
from codewhale.domain.errors import ConfigError
from codewhale.policy.redaction.known import secrets_among
from codewhale.policy.redaction.redactor import KNOWN, Redactor
from codewhale.policy.redaction.shapes import IDS, SHAPES, Shape, custom

_TELLING = ("authorization", "key", "token", "secret", "cookie")


def redactor_of(settings: Settings, environ: Mapping[str, str]) -> Redactor:
    """The redactor that these settings ask for. `ConfigError` for a pattern that there is not, or that cannot be used."""
    return Redactor([*_keys(settings), *settings.redaction.extra, *secrets_among(environ)], shapes_of(settings))


def shapes_of(settings: Settings) -> list[Shape]:
    """The shapes that are looked for: all but those switched off, and the person's own."""
    off = set(settings.redaction.off)
    unknown = sorted(off.difference(IDS))
    if unknown:
        raise ConfigError(
            f"{settings.config_path}: redaction.off: there is no pattern {unknown[0]!r}",
            hint=f"there are {', '.join(IDS)}",
        )
    own = [_own(settings, name, pattern) for name, pattern in settings.redaction.patterns.items()]
    return [*(shape for shape in SHAPES if shape.id not in off), *own]


def _own(settings: Settings, name: str, pattern: str) -> Shape:
    shape = custom(name, pattern) if name.replace("-", "a").replace("_", "a").isalnum() else None
    if shape is None:
        raise ConfigError(
            f"{settings.config_path}: redaction.patterns.{name}: {pattern!r} cannot be used",
            hint="a pattern is a beginning of 3 characters or more, one class and a count: acme_[A-Za-z0-9]{20,}",
        )
    return shape


def _keys(settings: Settings) -> Iterable[str]:
    vision = settings.vision.api_key if settings.vision is not None else None
    keys = [settings.runtime_api.token, settings.search.api_key, vision]
    for route in (settings.route, *settings.routes.values()):
        keys.append(route.api_key)
        yield from (v for k, v in route.http_headers.items() if any(word in k.lower() for word in _TELLING))
    yield from (key.reveal() for key in (*keys, *settings.kept_secrets) if key is not None)


class Pattern(Struct, frozen=True, kw_only=True):
    """One kind of secret, whether it is looked for, and what it is."""

    id: str
    on: bool
    means: str


def patterns_of(settings: Settings) -> list[Pattern]:
    """Every kind there is, the exact values first."""
    looked_for = shapes_of(settings)
    known = Pattern(
        id=KNOWN, on=True, means="your keys, and variables named like secrets, in plain, base64, URL and hex"
    )
    off = [Pattern(id=shape.id, on=False, means=shape.means) for shape in SHAPES if shape not in looked_for]
    return [known, *(Pattern(id=shape.id, on=True, means=shape.means) for shape in looked_for), *off]
