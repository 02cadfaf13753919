"""Programs that run on while their starter does other things: a supervisor of each, its output on disk, the way to it."""
