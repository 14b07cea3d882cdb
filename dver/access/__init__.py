"""Reads of data at a revision, of this or another repository, without a checkout."""
