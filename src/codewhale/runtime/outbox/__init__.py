"""Events of the log delivered to sinks outside: in order, at least once, over restarts. The log is the queue; all that a sink
needs besides is where it was.
"""
