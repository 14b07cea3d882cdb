"""Runs of MLflow as experiments."""
