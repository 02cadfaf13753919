"""Takes secrets out of text before it is stored, shown or sent to a model: known values and what has a secret's shape."""
