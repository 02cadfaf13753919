"""The mark of what is only known when a command runs."""

UNKNOWN = "\ufffc"
"""Stands in a value for what is only known when it runs."""
