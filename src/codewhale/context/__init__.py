"""What the model is sent: a projection of the log."""
