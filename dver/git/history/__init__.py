"""Commits and their names, and the commits that Git keeps."""
