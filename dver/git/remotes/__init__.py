"""Git remotes: their refs, and commits that are pushed."""
