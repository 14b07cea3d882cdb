"""Packages for serving: a model with what it needs to be loaded, without dver and without Git."""
