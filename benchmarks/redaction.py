"""Redaction against the same work without it, in one run: deltas appended to the log, and one large output."""

import time
from collections.abc import Callable, Iterator

from benchmarks.bench_store import open_scribe
from benchmarks.measure import HERE, Place, Row, interleaved
from codewhale.policy.redaction.redactor import OFF, Redactor
from codewhale.store.sqlite import SqliteStore

DELTAS = 20_000
SECRETS = [f"sk-bench-{number:04}-0123456789abcdef" for number in range(12)]
LINE = "The function `parse_token` reads config[{}] and returns key={} for https://example.com/a/{}\n"


def costs(where: Place) -> Iterator[Row]:
    """Milliseconds for 20,000 deltas through a stream and the store, and for a megabyte of output."""
    del where
    ours = Redactor(SECRETS)
    yield Row("20,000 deltas", "ms", *interleaved(5, _deltas(ours), _deltas(OFF)), "<= 4")
    sources = sorted((HERE.parent / "src").rglob("*.py"))
    text = "".join(source.read_text("utf-8") for source in sources)[:1_000_000]
    content = text.encode()
    yield Row("1 MB of output", "ms", *interleaved(5, _once(ours, text, content), _once(OFF, text, content)), "<= 12")


def _deltas(redactor: Redactor) -> Callable[[], float]:
    def run() -> float:
        store = SqliteStore.in_memory(redact=redactor)
        scribe = open_scribe(store)
        stream = redactor.stream()
        began = time.perf_counter()
        for number in range(DELTAS):
            said = stream.feed(LINE.format(number, number, number))
            if said:
                store.append(list(scribe.delta(said)))
        took = time.perf_counter() - began
        store.close()
        return took * 1000

    return run


def _once(redactor: Redactor, text: str, content: bytes) -> Callable[[], float]:
    def run() -> float:
        store = SqliteStore.in_memory(redact=redactor)
        began = time.perf_counter()
        redactor.text(text)
        store.put_blob(content)
        took = time.perf_counter() - began
        store.close()
        return took * 1000

    return run
