"""What a workspace could make codewhale run, and what of it a person has trusted, by content. Nothing here runs anything."""
