"""Outputs of earlier calls, read back from the thread's own items and the blobs that they name. Those of other threads are
not to be had, whatever digest is asked for. And texts that a call wants kept, without their secrets."""

import asyncio
from typing import cast

from codewhale.domain.errors import ToolError
from codewhale.domain.kept_outputs import KeepText, Kept, KeptOutput, KeptText, ReadOutput, kept_texts
from codewhale.domain.records import Item
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.store.port import Store

SHORTEST_DIGEST = 8


async def read(wish: ReadOutput, origin: Origin, runtime: Runtime) -> KeptOutput:
    """The output; `ToolError` when nothing here has that name."""
    return await asyncio.to_thread(_read, runtime.store, origin.thread_id, wish.ref.strip())


def _read(store: Store, thread_id: str, ref: str) -> KeptOutput:
    digest = ref.removeprefix("blob ").removeprefix("sha256:").lower()
    ended = [item for item in store.items(thread_id) if item.call is not None and item.ended_at is not None]
    for item in reversed(ended):
        assert item.call is not None
        blob = _blob(item)
        whole = len(digest) >= SHORTEST_DIGEST
        kept = next((one for one in kept_texts(item.metadata) if whole and one.blob.startswith(digest)), None)
        if kept is not None:
            blob = kept.blob
        if ref in (item.call.id, item.id) or (whole and blob is not None and blob.startswith(digest)):
            text = _text(store, item, blob)
            return KeptOutput(tool=item.call.name, call_id=item.call.id, text=text, bytes=len(text.encode()))
    large = [f"sha256:{blob[:12]} ({item.call.name})" for item in ended if item.call and (blob := _blob(item))][-5:]
    known = f" Large outputs of this conversation: {', '.join(large)}." if large else ""
    raise ToolError(
        f"There is no output {ref[:80]!r} in this conversation. Name a call id, or sha256:… from a shortened output.{known}",
        category="invalid_input",
    )


async def keep(wish: KeepText, origin: Origin, runtime: Runtime) -> Kept:
    """Keep it as a blob."""
    recorder = runtime.recorder(origin.thread_id)
    if recorder is None:
        raise ToolError("The turn that keeps a text is over.", category="cancelled")
    text = await asyncio.to_thread(recorder.ports.redactor.text, wish.text)
    content = text.encode("utf-8", "replace")
    digest = await asyncio.to_thread(runtime.store.put_blob, content)
    note = KeptText(name=wish.name, blob=digest, bytes=len(content))
    return Kept(note=note, path=f"artifacts/{origin.item_id}-{wish.name}", altered=text != wish.text)


def _blob(item: Item) -> str | None:
    output = (item.metadata or {}).get("output")
    blob = cast("dict[str, object]", output).get("blob") if isinstance(output, dict) else None
    return blob if isinstance(blob, str) else None


def _text(store: Store, item: Item, blob: str | None) -> str:
    if blob is None:
        return item.detail or ""
    content = store.get_blob(blob)
    if content is None:
        raise ToolError(f"The output sha256:{blob} is no longer kept; what is left of it is in the conversation.")
    return content.decode("utf-8", "replace")


ANSWERS = {ReadOutput: read, KeepText: keep}
