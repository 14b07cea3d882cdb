"""Verbs that only read tracked data."""
