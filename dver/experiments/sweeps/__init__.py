"""Sweeps: trials of one pipeline with different parameters, chosen one after the other."""
