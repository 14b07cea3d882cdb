"""Columns of Arrow arrays, summarised batch by batch."""
