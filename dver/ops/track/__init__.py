"""Verbs that track data and change the workspace."""
