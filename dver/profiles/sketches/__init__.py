"""Sketches: small summaries of many values that can be merged: quantiles, distinct values, frequent values."""
