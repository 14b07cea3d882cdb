"""Pushes and fetches."""
