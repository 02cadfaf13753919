"""How fast codewhale is, as ratios to a bare Python loop that does the same work (the floor). Never shipped."""
