"""Saved states of a workspace, and what going back to one did (runtime-contract §1.5)."""

from msgspec import Struct

from codewhale.domain.records import Thread


class SnapshotLimits(Struct, frozen=True, kw_only=True):
    """Whether snapshots are kept, how many, for how many days and on how much disk, and what a workspace may have: more than
    `max_workspace_gb` (0: no limit) or 200,000 entries and it gets none. A file above `max_file_mb` is left out."""

    enabled: bool = True
    max_age_days: float = 7.0
    max_workspace_gb: float = 2.0
    max_count: int = 50
    max_disk_mb: int = 500
    max_file_mb: int = 64


class SnapshotRow(Struct, frozen=True, kw_only=True):
    """A saved state: `label` says when it was taken (`pre-turn:12`), `timestamp` in Unix seconds."""

    id: str
    label: str
    timestamp: int


class PatchResult(Struct, frozen=True, kw_only=True):
    """What was done to the files: how many, in words, and the snapshot that they are from (None: nothing to do)."""

    files_restored: int
    summary: str | None
    snapshot_label: str | None


class Restored(Struct, frozen=True, kw_only=True):
    """The snapshot whose files are back, and (ours) what that did."""

    restored: str
    result: PatchResult


class PatchUndone(Struct, frozen=True, kw_only=True):
    """Files and conversation as they were before: the conversation as a new thread."""

    patch_result: PatchResult
    thread: Thread
    original_user_text: str | None
