"""Checking out tracked data for pointers or a revision."""
