"""Pipelines: stages of `dver.yaml`, their graph, runs, the run cache, and comparisons of params, metrics and plots."""

from typing import Final

FILE_NAME: Final = "dver.yaml"
"""The name of files that define stages."""
