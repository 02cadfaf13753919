"""Undo: snapshots around turns, and the ways back to them. What a snapshot is of stands in the snapshot itself, so that the
log and the side repository never have to agree on more than ids.
"""
