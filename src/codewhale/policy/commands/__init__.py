"""What a shell command would do, read from its syntax: safe, ask or forbid. Nothing is run and no text is matched."""
