"""The keys that are kept, for surfaces: saving and forgetting them with a line in the audit log, and saying where a key in use
comes from. A key goes in; out come at most its last four characters.
"""

from collections.abc import Mapping

from msgspec import Struct

from codewhale.config.credentials import Credentials, Stored, credentials_of
from codewhale.config.dotenv import all_variables
from codewhale.config.routes import key_home, origin_of, route_for
from codewhale.config.settings import KeySource, Secret, Settings
from codewhale.config.sources import SYSTEM, Overrides, find
from codewhale.config.values import masked
from codewhale.domain.errors import CodewhaleError, InvalidInput
from codewhale.domain.ports import SystemClock
from codewhale.llm.profiles import profile_ids
from codewhale.runtime.redaction import redactor_of
from codewhale.workspace.audit import AuditFile

LONGEST = 8192


class KeyStanding(Struct, frozen=True, kw_only=True):
    """Which key a provider is used with: `source` as in the contract, `place` in words, `key` masked. `kept_for` is the
    endpoint that a kept key belongs to, also where it is not the one in use."""

    provider: str
    source: KeySource
    place: str | None
    key: str | None
    endpoint: str
    needed: bool
    backend: str
    kept_for: str | None = None


def save_key(settings: Settings, over: Overrides, provider: str, key: str) -> Stored:
    """Keep a key for the endpoint that the provider has by the settings or the command line, never by a variable.
    `InvalidInput` for a text that cannot be a key."""
    if not key or len(key) > LONGEST or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput(
            "that is no key: nothing, or more than one word of plain characters",
            hint="paste the key alone, as the provider shows it",
        )
    found = find(over, None, SYSTEM)
    kept = credentials_of(found.env)
    stored = Stored(
        key=Secret(key), endpoint=origin_of(key_home(found.file, provider, found.env, kept, over.layer.base_url))
    )
    kept.save(provider, stored)
    _audited(settings, "credential.save", {"provider": provider, "endpoint": stored.endpoint, "backend": kept.backend})
    return stored


def clear_key(settings: Settings, provider: str) -> bool:
    """Forget the key that is kept for a provider; whether there was one."""
    kept = credentials_of(all_variables())
    cleared = kept.clear(provider)
    if cleared:
        _audited(settings, "credential.clear", {"provider": provider, "backend": kept.backend})
    return cleared


def key_standing(settings: Settings, provider: str) -> KeyStanding:
    """Which key the provider is used with. `ConfigError` when there is no such provider."""
    return _standing(settings, provider, credentials_of(all_variables()))


def key_standings(settings: Settings) -> list[KeyStanding]:
    """The same of every provider that there is a key for, and of the one in use."""
    kept = credentials_of(all_variables())
    names = {*profile_ids(), *settings.routes, *(kept.names() or ()), settings.route.provider}
    found: list[KeyStanding] = []
    for name in sorted(names):
        try:
            standing = _standing(settings, name, kept)
        except CodewhaleError:  # a key is kept for a provider that the settings no longer know
            stored = kept.get(name)
            assert stored is not None
            standing = KeyStanding(
                provider=name,
                source="missing",
                place=None,
                key=None,
                endpoint="",
                needed=False,
                backend=kept.backend,
                kept_for=stored.endpoint,
            )
        if standing.source != "missing" or standing.kept_for is not None or name == settings.route.provider:
            found.append(standing)
    return found


def _standing(settings: Settings, provider: str, kept: Credentials) -> KeyStanding:
    route = route_for(settings, provider)
    stored = kept.get(provider)
    places = {
        "env": " or ".join(route.api_key_env),
        "config": settings.config_path,
        "keyring": kept.place,
        "missing": None,
    }
    return KeyStanding(
        provider=provider,
        source=route.api_key_source,
        place=places[route.api_key_source],
        key=masked(route.api_key.reveal()) if route.api_key is not None else None,
        endpoint=origin_of(route.base_url) if route.base_url else "",
        needed=route.needs_key,
        backend=kept.backend,
        kept_for=None if stored is None else stored.endpoint or "its own address",
    )


def _audited(settings: Settings, event: str, details: Mapping[str, object]) -> None:
    if not settings.audit.enabled:
        return
    redactor = redactor_of(settings, all_variables())
    audit = settings.audit
    file = AuditFile(settings.audit_log, SystemClock(), redactor, max_bytes=audit.max_bytes, keep=audit.keep)
    file.record(event, details)
    file.close()
