"""Continuous integration: comments on pull requests, and workflows."""
