"""Ways to use the runtime. Each has a pure present.py and the files that do its I/O; they never import each other."""
