"""The work of Git's hooks and drivers."""
