"""Rules for data, and their results."""
