"""dver versions datasets and models beside code in Git."""

__version__ = "0.1.0"
