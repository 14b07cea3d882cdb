"""Evaluates suites: from profiles where they have the answer, otherwise by one scan."""
