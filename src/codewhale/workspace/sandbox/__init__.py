"""Cages around programs, one module per mechanism. Nothing in here starts a program: a cage says how to start one, and
`workspace/processes.py` does. Whatever cannot be set up raises; no path leads from a failed cage to a bare run."""
