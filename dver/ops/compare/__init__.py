"""Verbs that compare parameters, metrics and plots."""
