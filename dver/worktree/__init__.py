"""The user's files: scanning them against the stat cache, and bringing them to a wanted state."""
