"""Comparing, merging, editing and walking trees."""
