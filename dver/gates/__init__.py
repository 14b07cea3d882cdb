"""Checks of data before it is added, recorded, committed or registered."""
