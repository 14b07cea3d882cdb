"""Experiments, sweeps and the queue as text, tables and JSON."""
