"""Garbage collection of a remote."""
