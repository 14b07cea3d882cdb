"""Checking a remote and repairing it."""
