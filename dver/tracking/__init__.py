"""Tracked data: targets, pointer files, lock outputs, revisions and directory listings."""
