"""Verbs of the section "Check and monitor data"."""
