"""The version of dver."""

__version__ = "0.1.0"
