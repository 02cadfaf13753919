"""What whoever administers this machine lays down: managed settings, and requirements that all settings must meet.

The files in `/etc/deepseek` always count. A variable or the person's own file may name more of them, never fewer: managed
settings are laid over the person's, the machine's own on top, and every requirement must be met.
"""

import os
from collections.abc import Iterable
from typing import Annotated, cast

import msgspec
from msgspec import Meta, Struct

from codewhale.config.settings import POLICIES, ApprovalPolicy, Required
from codewhale.domain.confinement import POLICY_WORDS, Policy
from codewhale.domain.errors import ConfigError

Table = dict[str, object]
_POLICIES: tuple[ApprovalPolicy, ...] = ("on-request", "never", "auto")
_PATHS = ("ca_file", "skills_dir", "mcp_config_path", "notes_path", "memory_path")


class RequirementKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requirements file. A key that is not known is an error: it may have been meant to hold something."""

    allowed_approval_policies: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    allowed_sandbox_modes: Annotated[tuple[Policy, ...], Meta(min_length=1)] | None = None


def anchored(table: Table, path: str) -> Table:
    """The table of the file at `path` with relative paths made absolute: they are meant from that file's folder."""
    folder = os.path.dirname(path)

    def absolute(value: object) -> object:
        return os.path.join(folder, os.path.expanduser(value)) if isinstance(value, str) and value else value

    found = {key: absolute(value) if key in _PATHS else value for key, value in table.items()}
    listed = table.get("instructions")
    if isinstance(listed, list):
        found["instructions"] = [absolute(one) for one in cast("list[object]", listed)]
    for section, keys in (("audit", ("path",)), ("sandbox", ("writable_roots", "hidden")), ("hooks", ("working_dir",))):
        inner = table.get(section)
        if isinstance(inner, dict):
            found[section] = _anchored_keys(cast(Table, inner), keys, folder)
    return found


def yielding(below: Table, above: Table) -> Table:
    """What a person's table keeps when `above` is laid over it: a key that would win by being more particular is gone, as
    `[providers.x] model` is where a managed file says `model`."""
    providers = below.get("providers")
    if not isinstance(providers, dict):
        return below
    model = "model" in above or "default_text_model" in above
    gone = {key for key in ("base_url", "api_key", "http_headers") if key in above}

    def left(name: str, table: object) -> object:
        lost = (gone if name == "deepseek" else set[str]()) | ({"model"} if model else set[str]())
        rows = cast(Table, table).items() if isinstance(table, dict) else ()
        return {key: value for key, value in rows if key not in lost} if isinstance(table, dict) else table

    return {**below, "providers": {name: left(name, table) for name, table in cast(Table, providers).items()}}


def _anchored_keys(table: Table, keys: Iterable[str], folder: str) -> Table:
    def absolute(value: object) -> object:
        if isinstance(value, list):
            return [absolute(one) for one in cast("list[object]", value)]
        return os.path.join(folder, os.path.expanduser(value)) if isinstance(value, str) and value else value

    return {key: absolute(value) if key in keys else value for key, value in table.items()}


def leaves(table: Table, prefix: str = "") -> Iterable[tuple[str, object]]:
    """Every key that a table gives a value to, dotted."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from leaves(cast(Table, value), f"{prefix}{key}.")
        else:
            yield prefix + key, value


def required_of(tables: Iterable[tuple[str, Table]]) -> Required:
    """What all of these files together allow. `ConfigError` for a file that cannot be used: it is never "no requirement"."""
    found = Required()
    for path, table in tables:
        found = _both(found, _keys(table, path), path)
    return found


def _keys(table: Table, path: str) -> RequirementKeys:
    try:
        keys = msgspec.convert(table, RequirementKeys, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}", hint="whoever administers this machine has to correct it") from None
    strange = next((word for word in keys.allowed_approval_policies or () if word not in POLICIES), None)
    if strange is not None:
        raise ConfigError(
            f"{path}: allowed_approval_policies: there is no policy {strange!r}",
            hint=f"there are {', '.join(POLICIES)}",
        )
    return keys


def _modes(words: Iterable[Policy]) -> tuple[Policy, ...]:
    """In the order in which one is chosen where nobody says."""
    return tuple(sorted(set(words), key=POLICY_WORDS.index))


def _both(found: Required, keys: RequirementKeys, path: str) -> Required:
    policies: tuple[ApprovalPolicy, ...] | None = found.approval_policies
    if keys.allowed_approval_policies is not None:
        named = {POLICIES[word] for word in keys.allowed_approval_policies}
        policies = tuple(one for one in _POLICIES if one in named and (policies is None or one in policies))
    modes: tuple[Policy, ...] | None = found.sandbox_modes
    if keys.allowed_sandbox_modes is not None:
        words = keys.allowed_sandbox_modes
        modes = _modes(word for word in words if modes is None or word in modes)
    if policies == () or modes == ():
        raise ConfigError(
            f"{', '.join((*found.paths, path))}: together they allow nothing at all",
            hint="whoever administers this machine has to correct them",
        )
    return Required(approval_policies=policies, sandbox_modes=modes, paths=(*found.paths, path))
