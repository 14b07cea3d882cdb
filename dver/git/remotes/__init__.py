"""Git remotes: their identity, their refs, and the commits of a push."""
