"""The owner of the log: commands, queries, and the client protocol that surfaces use."""
