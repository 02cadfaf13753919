"""`[snapshots]` of a settings file: whether and how much is kept for undo."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.snapshots import SnapshotLimits


class SnapshotKeys(Struct, frozen=True, kw_only=True):
    """`[snapshots]`."""

    enabled: bool | None = None
    max_age_days: Annotated[float, Meta(gt=0, le=3650)] | None = None
    max_workspace_gb: Annotated[float, Meta(ge=0, le=1000)] | None = None
    max_count: Annotated[int, Meta(ge=2, le=1000)] | None = None
    max_disk_mb: Annotated[int, Meta(ge=10, le=1_000_000)] | None = None
    max_file_mb: Annotated[int, Meta(ge=1, le=1024)] | None = None


def snapshot_limits(keys: SnapshotKeys) -> SnapshotLimits | None:
    """The limits that a file gives, over the usual ones; None when it gives none."""
    given = {name: value for name in keys.__struct_fields__ if (value := getattr(keys, name)) is not None}
    return SnapshotLimits(**given) if given else None
