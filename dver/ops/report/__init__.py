"""The verb that reports what a branch changes."""
