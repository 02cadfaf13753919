"""Keys in the system's keyring, through the `keyring` library, which is installed only by who wants this.

A key is kept under the service `deepseek` and the provider's name, with the endpoint that it belongs to.
"""

from importlib import import_module
from typing import Protocol, cast

import msgspec

from codewhale.config.credentials import Backend, Stored
from codewhale.config.settings import Secret
from codewhale.domain.errors import ConfigError

SERVICE = "deepseek"
_OTHERWISE = "or unset DEEPSEEK_SECRET_BACKEND to keep keys in a file of mode 0600"


class _Library(Protocol):
    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


class SystemCredentials:
    """The keyring of the person who is logged in."""

    backend: Backend = "system"
    place = "the system's keyring"

    def __init__(self) -> None:
        try:
            self._library = cast(_Library, import_module("keyring"))
            self._failure = cast("type[Exception]", import_module("keyring.errors").KeyringError)
        except ImportError as error:
            raise ConfigError(
                "DEEPSEEK_SECRET_BACKEND is system, but the Python package `keyring` is not installed",
                hint=f"install it beside codewhale, {_OTHERWISE}",
            ) from error

    def get(self, name: str) -> Stored | None:
        try:
            value = self._library.get_password(SERVICE, name)
        except self._failure as error:
            raise _unusable(error) from None
        return _stored(value) if value is not None and value.strip() else None

    def names(self) -> None:
        return None

    def save(self, name: str, stored: Stored) -> None:
        value = msgspec.json.encode({"key": stored.key.reveal(), "endpoint": stored.endpoint}).decode()
        try:
            self._library.set_password(SERVICE, name, value)
        except self._failure as error:
            raise _unusable(error) from None

    def clear(self, name: str) -> bool:
        if self.get(name) is None:
            return False
        try:
            self._library.delete_password(SERVICE, name)
        except self._failure as error:
            raise _unusable(error) from None
        return True


def _stored(value: str) -> Stored:
    if not value.lstrip().startswith("{"):
        return Stored(key=Secret(value.strip()))
    try:
        row = msgspec.json.decode(value, type=dict[str, str | None])
    except msgspec.DecodeError:
        row = {}
    key = row.get("key")
    if not key:
        raise ConfigError(
            "what the system's keyring has under `deepseek` is no key", hint="`codewhale auth set` it anew"
        )
    return Stored(key=Secret(key), endpoint=row.get("endpoint"))


def _unusable(error: Exception) -> ConfigError:
    """The library's own words may name the value, so only its kind of failure is told."""
    return ConfigError(
        f"the system's keyring cannot be used ({type(error).__name__})", hint=f"unlock or start it, {_OTHERWISE}"
    )
