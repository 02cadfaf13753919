"""git, run so that nothing a repository brought along is run with it. All of our own runs of git go through `run.Git`."""
