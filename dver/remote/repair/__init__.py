"""Checks of remotes, and their repair."""
