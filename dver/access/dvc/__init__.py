"""Reads of DVC repositories: their outputs, remotes and files, at one commit."""
