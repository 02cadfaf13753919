"""The tree worked on: files inside the root, processes, ignore rules."""
