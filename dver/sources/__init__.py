"""Imports: what the `source` of a pointer names, and how its data is read and updated."""
