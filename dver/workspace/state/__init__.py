"""The state of tracked data in the workspace, and dver's records of it."""
