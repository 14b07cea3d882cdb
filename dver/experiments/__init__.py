"""Experiments: commits outside of branches, with a record of each run."""
