"""Copies of a workspace's files, kept in a git repository of our own so that any state can come back.

git never sees the workspace: we look at the files and hand git their bytes, so nothing that lies in the tree (attributes,
nested repositories, links) can steer it. Must not know threads or turns: a snapshot's label is text.
"""
