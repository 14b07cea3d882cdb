"""Changes of tracked data in the workspace."""
