"""Sharing experiments: published journals, their compaction, and which experiments a clone keeps."""
