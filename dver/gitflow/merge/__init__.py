"""Merges of pointers and lock files."""
