"""Bytes to dataclasses and back. Pure: no file, no clock, no network."""
