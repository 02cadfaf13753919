"""Reads the data directory of the system that the published contract comes from into the log: threads, sessions, tasks.

Nothing in that directory is changed or run. Whatever cannot be read is said with its reason and costs only itself.
"""
