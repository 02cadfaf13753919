"""Frozen types, ids, events, errors and the fold. Pure: the standard library and msgspec, no I/O, nothing of ours above it."""
