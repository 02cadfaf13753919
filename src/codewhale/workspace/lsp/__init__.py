"""Language servers: asked what an edit broke, over stdio. What they say is data, bounded and plain.

Loaded with the first edit of a file that a server could know; nothing here is on the way to anything else.
"""
