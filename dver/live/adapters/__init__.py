"""Callbacks that log from training frameworks. Importing a module imports its framework."""
