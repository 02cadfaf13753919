"""Grammars of the commands that can be safe, one module per family; each has `COMMANDS`. Only what is listed is known."""
