"""Large outputs as files named by the sha256 of their content, under the data directory.

A blob is there whole or not at all, also after a power cut; it is never changed.
"""

import os
import re
from collections.abc import Iterator

from codewhale.store.failures import translated
from codewhale.store.lock import make_directory, write_file

_DIGEST = r"[0-9a-f]{64}"


class Blobs:
    """The blobs below one directory, which is made at the first use."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def put(self, content: bytes) -> str:
        """Keep `content` durably; its sha256 in hex. `StoreUnwritable` when the disk refuses."""
        digest = digest_of(content)
        folder = os.path.join(self._directory, digest[:2])
        if os.path.exists(os.path.join(folder, digest)):
            return digest
        try:
            make_directory(folder)
            write_file(folder, digest, content)
        except OSError as error:
            raise translated(error, "keep a large output") from error
        return digest

    def get(self, digest: str) -> bytes | None:
        """The content of that digest; None when it is unknown or no digest at all."""
        if re.fullmatch(_DIGEST, digest) is None:
            return None
        try:
            with open(os.path.join(self._directory, digest[:2], digest), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise translated(error, f"read the output {digest}") from error

    def digests(self) -> Iterator[str]:
        """Every digest kept, in order."""
        if os.path.isdir(self._directory):
            for folder in sorted(os.listdir(self._directory)):
                yield from (
                    n for n in sorted(os.listdir(os.path.join(self._directory, folder))) if re.fullmatch(_DIGEST, n)
                )


class MemoryBlobs(Blobs):
    """Blobs that go with the process."""

    def __init__(self) -> None:
        super().__init__("")
        self._kept: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        digest = digest_of(content)
        self._kept[digest] = content
        return digest

    def get(self, digest: str) -> bytes | None:
        return self._kept.get(digest)

    def digests(self) -> Iterator[str]:
        return iter(sorted(self._kept))


def digest_of(content: bytes) -> str:
    """The name of `content`."""
    from hashlib import sha256  # noqa: PLC0415  (5 ms that a start without large outputs does not pay)

    return sha256(content).hexdigest()
