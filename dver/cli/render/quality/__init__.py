"""Profiles, checks, monitoring and retraining as text and JSON."""
