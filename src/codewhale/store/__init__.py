"""The event log, its read models and blobs behind one port. SQL lives here and nowhere else."""
