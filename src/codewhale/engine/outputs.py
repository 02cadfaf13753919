"""Bounds a tool's output: what the item and the model keep, and what goes to a blob by its hash."""

import asyncio

from codewhale.engine.ports import Ports

INLINE_BYTES = 32 * 1024
HEAD_BYTES = 22 * 1024
TAIL_BYTES = 8 * 1024


async def bounded(ports: Ports, text: str) -> tuple[str, dict[str, object] | None]:
    """`text` when it is at most 32 KiB of UTF-8; else head, a line naming the blob, tail, and metadata about the blob.
    Secrets are taken out of long text before it is cut: of half a secret nobody could tell what it is."""
    if len(text) * 4 <= INLINE_BYTES:
        return text, None
    text = await asyncio.to_thread(ports.redactor.text, text)
    content = text.encode("utf-8", "replace")
    if len(content) <= INLINE_BYTES:
        return text, None
    digest = await asyncio.to_thread(ports.store.put_blob, content)
    omitted = len(content) - HEAD_BYTES - TAIL_BYTES
    head = content[:HEAD_BYTES].decode("utf-8", "ignore")
    tail = content[-TAIL_BYTES:].decode("utf-8", "ignore")
    kept = f"{head}\n[{omitted} bytes left out; retrieve_tool_result reads them: ref sha256:{digest}]\n{tail}"
    return kept, {"blob": digest, "bytes": len(content), "omitted_bytes": omitted}
