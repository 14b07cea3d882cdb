"""Registered models as text and JSON."""
