"""Verbs that check and clean up the store and remotes."""
