"""What the model can do: one file per tool family and an explicit registry."""
