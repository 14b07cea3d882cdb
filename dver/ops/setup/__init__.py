"""Verbs that set up a clone."""
