"""Adding data of the workspace to the store."""
