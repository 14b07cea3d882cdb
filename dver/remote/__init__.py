"""Remotes: the storage interface and its backends, the index, transfers, gc and repair."""
