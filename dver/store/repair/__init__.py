"""Checking the store and repairing it."""
