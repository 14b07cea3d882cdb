"""Scanning files: the stat cache, ignore rules and stable reads."""
