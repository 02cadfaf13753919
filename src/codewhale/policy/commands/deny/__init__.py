"""What no mode or setting may run. Looks through wrappers, nested scripts, variables and quoting, at every segment.

It works with the best value that is known for each word, so it finds more than could be proved; it never allows anything.
"""
