"""Runs of experiments in working trees of their own, and the workers that take them from the queue."""
