"""Models: the provider port, one adapter per wire dialect, profiles as data, retry, the scripted model."""
