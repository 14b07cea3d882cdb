"""Hooks, merge drivers and attributes, as `dver install` sets them up."""
