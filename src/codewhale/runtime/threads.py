"""Thread records: how one is made, changed and copied. Pure: values in, values and changes out."""

from typing import TypeVar

from msgspec import UNSET, Struct, structs

from codewhale.config.compaction import Compacting
from codewhale.domain.commands import NewThread, ThreadPatch
from codewhale.domain.errors import InvalidInput
from codewhale.domain.records import SCHEMA_VERSION, Thread
from codewhale.domain.tasks import TaskLimits
from codewhale.domain.text import is_whole, whole_fields
from codewhale.policy.redaction.redactor import Redactor


class Defaults(Struct, frozen=True, kw_only=True):
    """What a new thread, turn or task gets where nothing was given; which tools every request has beside the essential ones;
    how many tasks run, and for how long; when a conversation is made smaller."""

    model: str
    workspace: str
    provider: str | None = None
    mode: str = "agent"
    allow_shell: bool = False
    auto_approve: bool = False
    never_ask: bool = False
    max_steps: int = 100
    always_load: tuple[str, ...] = ()
    tasks: TaskLimits = TaskLimits()
    compaction: Compacting = Compacting()


def new_thread(new: NewThread, defaults: Defaults, *, thread_id: str, now: str) -> Thread:
    """The record of a new thread; blank model and mode count as not given."""
    workspace = new.workspace or defaults.workspace
    if not is_whole(workspace):
        raise InvalidInput(
            f"the workspace {workspace!r} has a name that is not UTF-8, so it cannot be recorded",
            hint="rename the folder, or work in another one",
        )
    new = whole_fields(new)
    return Thread(
        schema_version=SCHEMA_VERSION,
        id=thread_id,
        created_at=now,
        updated_at=now,
        model=(new.model or "").strip() or defaults.model,
        workspace=workspace,
        mode=(new.mode or "").strip() or defaults.mode,
        allow_shell=defaults.allow_shell if new.allow_shell is None else new.allow_shell,
        trust_mode=bool(new.trust_mode),
        auto_approve=defaults.auto_approve if new.auto_approve is None else new.auto_approve,
        archived=bool(new.archived),
        coherence_state="healthy",
        system_prompt=(new.system_prompt or "").strip() or None,
        task_id=new.task_id,
        title=(new.title or "").strip() or None,
        model_provider=new.model_provider or defaults.provider,
    )


_CLEARABLE = frozenset({"title", "system_prompt"})
S = TypeVar("S", NewThread, ThreadPatch)


def cleaned(given: S, redactor: Redactor) -> S:
    """What was given for a thread without secrets in its words, so that memory and log have the same."""
    words = {name: text for name in _CLEARABLE if isinstance(text := getattr(given, name), str)}
    return structs.replace(given, **{name: redactor.text(text) for name, text in words.items()}) if words else given


def patched(thread: Thread, patch: ThreadPatch) -> tuple[Thread, dict[str, object]]:
    """The thread after the patch and the fields that really changed (None = cleared). Out of the archive a deleted session
    is one again."""
    changes: dict[str, object] = {}
    for name, given in wanted(patch).items():
        value = _settled(name, given)
        if getattr(thread, name) != value:
            changes[name] = value
    if changes.get("archived") is False and thread.deleted_at is not None:
        changes["deleted_at"] = None
    return (structs.replace(thread, **changes) if changes else thread), changes


def _settled(name: str, given: object) -> object:
    if not isinstance(given, str):
        return given
    text = given.strip()
    if not text and name not in _CLEARABLE:
        raise InvalidInput(f"{name} must not be empty")
    return text or None


def wanted(patch: ThreadPatch) -> dict[str, object]:
    """The fields that a patch names; null and absent are the same."""
    given = {name: getattr(patch, name) for name in patch.__struct_fields__}
    return {name: value for name, value in given.items() if value is not UNSET and value is not None}
