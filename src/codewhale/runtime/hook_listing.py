"""What hooks and sinks there are for a workspace, and how far each sink is, without running any of them."""

import os

from msgspec import Struct

from codewhale.config.hooks import MAX_PROJECT_FILE, project_hooks
from codewhale.config.settings import Settings
from codewhale.domain.errors import ConfigError
from codewhale.domain.hooks import Hook, Sink
from codewhale.runtime.hook_points import PROJECT_FILE
from codewhale.runtime.outbox.places import Places
from codewhale.runtime.vouching import vouching


class SinkStanding(Struct, frozen=True, kw_only=True):
    """A sink and the last event that it has; None before its first."""

    sink: Sink
    delivered: int | None


class HookListing(Struct, frozen=True, kw_only=True):
    """The hooks in the order in which they run. `project` is None where the project has no hooks; those that are not
    `trusted` do not run. `problem` says why its file cannot be used."""

    enabled: bool
    own: tuple[Hook, ...]
    sinks: tuple[SinkStanding, ...]
    project: tuple[Hook, ...] | None = None
    trusted: bool = False
    problem: str | None = None


def hook_listing(settings: Settings, workspace: str) -> HookListing:
    """The hooks and sinks that hold in `workspace`."""
    places = Places(os.path.join(settings.runtime_dir, "outbox"))
    given = settings.hooks
    listing = HookListing(
        enabled=given.enabled,
        own=given.hooks,
        sinks=tuple(SinkStanding(sink=sink, delivered=places.get(sink)) for sink in given.sinks),
    )
    return _with_project(listing, settings, workspace)


def _with_project(listing: HookListing, settings: Settings, workspace: str) -> HookListing:
    from msgspec.structs import replace  # noqa: PLC0415 - only this command

    path = os.path.join(workspace, PROJECT_FILE)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_PROJECT_FILE + 1)
    except FileNotFoundError:
        return listing
    except OSError as error:
        return replace(listing, problem=f"{path} cannot be read: {error.strerror}")
    if len(content) > MAX_PROJECT_FILE:
        return replace(listing, problem=f"{path} is larger than {MAX_PROJECT_FILE:,} bytes")
    trusted = vouching(settings)(workspace, PROJECT_FILE, content)
    try:
        return replace(listing, project=project_hooks(content, path), trusted=trusted)
    except ConfigError as error:
        return replace(listing, problem=error.message, trusted=trusted)
