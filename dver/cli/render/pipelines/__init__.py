"""Stages, their graph, parameters and metrics as text and JSON."""
