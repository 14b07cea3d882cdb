"""Verbs that transfer data to and from remotes."""
