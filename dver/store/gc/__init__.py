"""Garbage collection of the store, and its trash."""
