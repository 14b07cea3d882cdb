"""Checks that the pre-commit hook runs on staged files."""
