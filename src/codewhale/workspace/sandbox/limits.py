"""Limits of what runs in a cage, as shell text for the last stage of those that have one; `spawner.py` sets the same itself."""

LIMITS = """
ulimit -c 0
ulimit -f 33554432 2>/dev/null
ulimit -u 8192 2>/dev/null || ulimit -p 8192 2>/dev/null
"""
"""Of what runs inside: no core files, 16 GiB a file, 8192 processes; each shell has its own letter for the last. Where less was
allowed before that stays."""
